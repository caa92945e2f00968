"""The compose file: valid by the compose specification, and about commands, settings and processes that exist."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from ruamel.yaml import YAML

from connectors.cli import processes
from connectors.cli.main import build
from deploy.local import kafka
from streams.settings import Settings

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "deploy" / "compose.yaml"
IMAGES = {
    "kafka": "apache/kafka:4.3.1",
    "mqtt-broker": "eclipse-mosquitto:2",
    "clickhouse": "clickhouse/clickhouse-server:26.9",
    "prometheus": "prom/prometheus:v3.5.0",
    "grafana": "grafana/grafana:12.1.0",
}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(json.dumps(YAML(typ="safe").load(COMPOSE)))
    return loaded


@pytest.fixture(scope="module")
def ours(compose: dict[str, Any]) -> dict[str, Any]:
    return {name: service for name, service in compose["services"].items() if service["image"] == "isthmus"}


def test_it_follows_the_compose_specification() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]

    checked = subprocess.run(command, capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stdout


def test_images_are_named_short(compose: dict[str, Any]) -> None:
    named = {name: service["image"] for name, service in compose["services"].items() if service["image"] != "isthmus"}

    assert named == IMAGES


def test_every_command_exists(ours: dict[str, Any]) -> None:
    for service in ours.values():
        command: Any = typer.main.get_command(build())
        for word in service["command"]:
            if not hasattr(command, "commands"):
                break
            assert word in command.commands, service["command"]
            command = command.commands[word]
        assert not hasattr(command, "commands"), service["command"]


def test_the_same_processes_run_as_in_the_local_stack(ours: dict[str, Any]) -> None:
    token, accounts = {"token": "x"}, {"accounts": [{"username": "ann", "password": "x"}]}
    everything = Settings(
        ubidots=token, pollers={"ict_eagleio": token, "greenbrain": accounts, "axistech": token}
    )  # fmt: skip
    local = {tuple(process.command[3:]) for process in processes.ours(everything, ())}

    assert {tuple(service["command"]) for service in ours.values()} == local | {("users", "ensure-admin")}


def test_what_needs_an_account_runs_only_by_its_profile(ours: dict[str, Any]) -> None:
    optional = {name: service["profiles"] for name, service in ours.items() if "profiles" in service}

    assert optional == {
        "sink-ubidots": ["ubidots"],
        "poller-ict_eagleio": ["ict_eagleio"],
        "poller-greenbrain": ["greenbrain"],
        "poller-axistech": ["axistech"],
    }


def test_a_poller_knows_its_own_account_only(
    ours: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    accounts = '[{"username": "ann", "password": "secret"}]'
    for name in ("ict_eagleio", "greenbrain", "axistech"):
        with monkeypatch.context() as patched:
            for variable, value in ours[f"poller-{name}"]["environment"].items():
                patched.setenv(variable, re.sub(r"\$\{\w+:-.*\}", accounts if "ACCOUNTS" in variable else "x", value))
            assert Settings().pollers.enabled == (name,)


def test_every_setting_is_accepted(ours: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for service in ours.values():
        for name, value in service["environment"].items():
            monkeypatch.setenv(name, re.sub(r"\$\{\w+:-(.*)\}", r"\1", value))

    settings = Settings()

    assert settings.kafka.bootstrap_servers == "kafka:9092"
    assert processes.needed_servers(settings).names == ()


def test_commands_find_the_api_in_its_container(ours: dict[str, Any]) -> None:
    for name in ("admin", "replay"):
        assert ours[name]["environment"]["ISTHMUS_API__HOST"] == "api"
        assert ours[name]["depends_on"]["api"] == {"condition": "service_healthy"}


def test_probes_ask_the_ports_that_the_settings_choose(ours: dict[str, Any]) -> None:
    settings = Settings()
    ports = {
        "api": settings.api.port,
        "mqtt": settings.mqtt.health_port,
        "webhook": settings.webhook.health_port,
        "decode": settings.decode.health_port,
        "window": settings.window.health_port,
        "replay": settings.replay.health_port,
    }

    for name, service in ours.items():
        if service["command"][0] == "run":
            expected = ports.get(name, 25750 if name.startswith("poller-") else 25730)
            assert f"http://127.0.0.1:{expected}/readyz" in service["healthcheck"]["test"][-1]


def test_kafka_takes_records_as_large_as_locally(compose: dict[str, Any]) -> None:
    largest = str(Settings().kafka.max_record_bytes + kafka.HEADROOM)

    assert compose["services"]["kafka"]["environment"]["KAFKA_MESSAGE_MAX_BYTES"] == largest


@pytest.mark.parametrize(
    "name",
    [
        "auto.create.topics.enable",
        "offsets.retention.minutes",
        "group.initial.rebalance.delay.ms",
        "broker.session.timeout.ms",
        "broker.heartbeat.interval.ms",
    ],
)
def test_kafka_keeps_and_waits_as_locally(compose: dict[str, Any], name: str) -> None:
    locally = dict(line.split("=", 1) for line in kafka.PROPERTIES.splitlines())

    assert compose["services"]["kafka"]["environment"][f"KAFKA_{name.upper().replace('.', '_')}"] == locally[name]
