"""A rule's whole way: put at the API, a generation opens by itself, live readings follow it, a dry run shows the past."""

import json
import shlex
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.stack.harness import Stack, eventually
from tests.stack.replay_run import Running, running_with_webhook

FAHRENHEIT = {"from": "temp_f", "to": "air.temperature", "unit_from": "°F"}


@pytest.fixture
def run(stack: Stack, tmp_path: Path) -> Iterator[Running]:
    with running_with_webhook(stack, tmp_path) as made:
        yield made


def send(run: Running, fahrenheit: float, second: int) -> None:
    url = f"http://127.0.0.1:{run.installation.settings.webhook.port}/webhooks/json"
    body = {"device": "barn", "time": f"2024-05-10T23:00:{second:02}Z", "temp_f": fahrenheit}
    assert httpx.post(url, json=body).status_code == 204


def temperatures(run: Running) -> list[tuple[int, str, float, str]]:
    """What the store has: second of the minute, name, value, unit."""
    rows = run.store.rows(
        "SELECT toSecond(time), name, round(value, 6), unit FROM readings WHERE source = 'json' ORDER BY time"
    )
    return [(int(second), str(name), float(value), str(unit)) for second, name, value, unit in rows]


def test_readings_follow_a_rule_from_its_generation_on_and_a_dry_run_shows_the_rest(run: Running) -> None:
    send(run, 50, 1)
    eventually(lambda: temperatures(run) == [(1, "temp_f", 50, "")])
    before = run.ask("GET", "/generations")[0]["number"]

    rule = run.ask("PUT", "/rules/fahrenheit", **FAHRENHEIT)
    opened = eventually(lambda: [g for g in run.ask("GET", "/generations") if g["number"] == before + 1])[0]
    assert opened["why"] == "rules changed"
    send(run, 68, 2)
    followed = [(1, "temp_f", 50, ""), (2, "air.temperature", 20, "°C")]
    eventually(lambda: temperatures(run) == followed)

    answer = run.api.command(*shlex.split(rule["replay"])[1:], "--json")
    assert answer.returncode == 0, answer.stderr
    shown = json.loads(answer.stdout)["replay"]
    assert (shown["state"], shown["why"]) == ("ready", "rule fahrenheit")
    assert shown["figures"]["counts"] == {"added": 1, "changed": 0, "removed": 1, "same": 1}
    assert temperatures(run) == followed, "a dry run changes nothing"
