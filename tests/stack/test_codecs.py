"""A codec's whole way: registered for an application, it reads what comes; its next version, tried on the past, then replayed."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.stack.harness import Stack, eventually
from tests.stack.replay_run import Running, running_with_webhook

HALF = "function decodeUplink(input) { return { data: { level: input.bytes[0] / 2 } }; }"
FIFTH = HALF.replace("/ 2", "/ 5")
EXAMPLES = '[{"input": {"bytes": "0a", "fPort": 1}, "output": {"data": {"level": 5}}}]'
DEVICE = "ttn:70b3d57ed0051a2b"


@pytest.fixture
def run(stack: Stack, tmp_path: Path) -> Iterator[Running]:
    with running_with_webhook(stack, tmp_path) as made:
        yield made


def send(run: Running, payload: bytes, second: int) -> None:
    """An uplink that the network server has not decoded, by the webhook door."""
    ids = {"device_id": "tank-07", "application_ids": {"application_id": "tanks"}, "dev_eui": "70B3D57ED0051A2B"}
    uplink = {"f_port": 1, "frm_payload": base64.b64encode(payload).decode()}
    uplink["received_at"] = f"2024-05-10T23:00:{second:02}Z"
    url = f"http://127.0.0.1:{run.installation.settings.webhook.port}/ttn/webhook/up"
    assert httpx.post(url, json={"end_device_ids": ids, "uplink_message": uplink}).status_code == 204


def levels(run: Running) -> dict[int, float]:
    """What the store has: second of the minute -> level."""
    question = "SELECT toSecond(time), value FROM readings WHERE device = {device:String} AND name = 'level'"
    return {int(second): value for second, value in run.store.rows(question, {"device": DEVICE})}


def isthmus(run: Running, *arguments: str) -> Any:
    answer = run.api.command(*arguments, "--json")
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


def test_a_codec_reads_what_comes_and_its_next_version_what_came(run: Running, tmp_path: Path) -> None:
    half, fifth, examples = tmp_path / "tank.js", tmp_path / "other.js", tmp_path / "examples.json"
    half.write_text(HALF), fifth.write_text(FIFTH), examples.write_text(EXAMPLES)
    send(run, b"\x0a", 1)
    run.quiet()
    eventually(lambda: run.store.rows("SELECT device FROM dead_letters WHERE reason = 'no-codec'") == [(DEVICE,)])
    eventually(lambda: any(device["device"] == DEVICE for device in run.ask("GET", "/physical/devices")))

    # the first version: what comes is decoded, and the past is offered
    added = isthmus(run, "codecs", "add", str(half), "--applies-to", "application:tanks")
    assert added["replay"]["command"].startswith("isthmus replay run --source ttn --codec tank --why ")
    assert (added["replay"]["devices"], added["replay"]["waiting"]) == (1, 1)
    eventually(lambda: run.ask("GET", "/generations")[0]["why"] == "codecs changed")
    first = run.ask("GET", "/generations")[0]["number"]
    send(run, b"\x14", 2)
    eventually(lambda: levels(run) == {2: 10})

    # a version that is not deployed, on the past: the dead letter is read, too; nothing is touched
    tried = isthmus(run, "replay", "run", "--codec", f"tank={fifth}")["replay"]
    assert tried["candidates"][0].startswith("tank@")
    assert tried["figures"]["counts"] == {"added": 1, "changed": 1, "removed": 0, "same": 0}
    assert levels(run) == {2: 10}

    # deployed: examples that come out otherwise stop it, unless they are of the new version
    refused = run.api.command("codecs", "add", str(fifth), "--name", "tank", "--examples", str(examples))
    assert (refused.returncode, "data.level: expected 5, got 2" in refused.stdout) == (1, True)
    examples.write_text(EXAMPLES.replace('"level": 5', '"level": 2'))
    isthmus(run, "codecs", "add", str(fifth), "--name", "tank", "--examples", str(examples))
    eventually(lambda: run.ask("GET", "/generations")[0]["number"] == first + 1)
    send(run, b"\x14", 3)
    eventually(lambda: levels(run) == {2: 10, 3: 4})

    # and the past follows
    replayed = isthmus(run, "replay", "run", "--codec", "tank", "--apply", "--yes")["replay"]
    assert (replayed["state"], replayed["error"]) == ("applied", "")
    assert levels(run) == {1: 2, 2: 4, 3: 4}
