"""A secret of the settings is shown nowhere: not by commands, representations, faults or logs, whatever the level."""

import json
import logging
import os
import subprocess
import sys
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr
from typer.testing import CliRunner

from connectors.cli.main import build
from connectors.simulator.poller_stubs import World, application
from connectors.sources.pollers import run as pollers
from connectors.sources.pollers.fetch import Fault, Fetcher
from streams import log, settings
from streams.settings import LogSettings, Settings, SettingsError
from tests.connectors.sources.pollers.test_pollers import Polling, asynchronous
from tests.ports import free_port
from tests.serving import serving
from tests.stack.harness import eventually

MARK = "pl4nted-s3cret"
AUTH = {"ttn": {"bearer": MARK}, "json": {"basic": f"ann:{MARK}"}, "csv": {"hmac": MARK}}
NOWHERE = "http://127.0.0.1:1"


def planted(nowhere: str = NOWHERE) -> Any:
    """Settings with the mark in every secret, and nothing to connect to."""
    return {
        "kafka": {
            "bootstrap_servers": "127.0.0.1:1", "security_protocol": "sasl_plaintext", "sasl_mechanism": "PLAIN",
            "sasl_username": "ann", "sasl_password": MARK,
        },
        "mqtt": {"brokers": [{"port": 1, "username": "ann", "password": MARK}]},
        "webhook": {"auth": AUTH},
        "clickhouse": {"url": nowhere, "password": MARK},
        "ubidots": {"url": nowhere, "token": MARK},
        "replay": {"token": MARK, "api_url": nowhere},
        "ttn_api": {"url": nowhere, "token": MARK},
        "pollers": {
            "ict_eagleio": {"token": MARK, "url": f"{nowhere}/eagle"},
            "greenbrain": {"accounts": [{"username": "ann", "password": MARK}], "url": f"{nowhere}/greenbrain/v3"},
            "axistech": {"token": MARK, "url": f"{nowhere}/axistech/"},
            "attempts": 1,
        },
        "log": {"level": "debug"},
    }  # fmt: skip


def kinds(annotation: Any) -> Iterator[Any]:
    """A type, and those that it is made of."""
    yield annotation
    for inner in typing.get_args(annotation):
        yield from kinds(inner)


def declared(kind: type[BaseModel], path: str = "") -> Iterator[str]:
    """The path of every secret that the settings know."""
    for name, field in kind.model_fields.items():
        for inner in kinds(field.annotation):
            if inner is SecretStr:
                yield f"{path}{name}"
            elif isinstance(inner, type) and issubclass(inner, BaseModel):
                yield from declared(inner, f"{path}{name}.")


def filled(value: Any, path: str = "") -> Iterator[str]:
    """The path of every secret that the mark is in."""
    if isinstance(value, SecretStr) and MARK in value.get_secret_value():
        yield path
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from filled(getattr(value, name), f"{path}.{name}".lstrip("."))
    elif isinstance(value, dict | list | tuple):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from filled(inner, path)


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_mark_is_in_every_secret_of_the_settings() -> None:
    assert set(filled(Settings(**planted()))) == set(declared(Settings))


def test_settings_do_not_show_their_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = Settings(**planted())
    sections = [getattr(loaded, name) for name in Settings.model_fields]
    shown = [repr(loaded), str(loaded), loaded.model_dump_json(), str(loaded.model_dump()), *map(repr, sections)]
    for name, values in planted().items():
        monkeypatch.setenv(f"ISTHMUS_{name.upper()}", json.dumps(values))

    told = CliRunner().invoke(build(), ["settings"])

    assert (told.exit_code, "sasl_password" in told.stdout) == (0, True)
    assert [text for text in (*shown, told.output) if MARK in text] == []


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("MQTT__BROKERS", '[{"password": "%s"'),
        ("MQTT__BROKERS", '[{"password": "%s"}]'),
        ("MQTT__BROKERS", '[{"password": ["%s"]}]'),
        ("WEBHOOK__AUTH", '{"ttn": "%s"}'),
        ("WEBHOOK__AUTH", '{"ttn": {"bearer": "%s", "hmac": "%s"}}'),
        ("WEBHOOK__AUTH", '{"nobody": {"bearer": "%s"}}'),
        ("UBIDOTS", '{"token": {"%s": 1}'),
        ("POLLERS__GREENBRAIN__ACCOUNTS", '[{"password": "%s"}]'),
        ("CLICKHOUSE", '"%s"'),
    ],
)
def test_faults_do_not_repeat_them(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv(f"ISTHMUS_{variable}", value.replace("%s", MARK))

    with pytest.raises(SettingsError) as caught:
        settings.load()

    assert MARK not in str(caught.value)
    assert caught.value.__suppress_context__ or MARK not in repr(caught.value.__context__)


@pytest.mark.parametrize("text", ['[ubidots]\ntoken = "%s', "[ubidots]\ntoken = %s\n", '[ubidots]\ntokne = "%s"\n'])
def test_faults_of_the_file_do_not_repeat_them(tmp_path: Path, text: str) -> None:
    (tmp_path / "isthmus.toml").write_text(text.replace("%s", MARK))

    with pytest.raises(SettingsError) as caught:
        settings.load()

    assert MARK not in str(caught.value)


@pytest.mark.parametrize("name", ["ict_eagleio", "greenbrain", "axistech"])
@asynchronous
async def test_pollers_do_not_log_them(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    levels = {logger: logging.getLogger(logger).level for logger in ("", *log.QUIET)}
    log.configure(LogSettings(level="debug"), "test")
    try:
        with serving(application(World())) as url:
            made = Settings(**planted(url)).pollers
            async with Fetcher(made) as fetcher:
                polling = Polling(name, made, fetcher)
                with pytest.raises(Fault) as caught:
                    await pollers.POLLERS[name](made, fetcher).poll(polling.feed)
    finally:
        for logger, level in levels.items():
            logging.getLogger(logger).setLevel(level)

    assert MARK not in "".join(capfd.readouterr()) + str(caught.value)


PROCESSES = [
    "mqtt", "webhook", "decode", "api", "replay", "sink clickhouse", "sink ubidots",
]  # fmt: skip


def test_no_process_logs_them(tmp_path: Path) -> None:
    variables = {f"ISTHMUS_{name.upper()}": json.dumps(values) for name, values in planted().items()}
    started = {}
    for name in PROCESSES:
        ports = {f"ISTHMUS_{part}__HEALTH_PORT": "0" for part in ("MQTT", "WEBHOOK", "DECODE", "WINDOW", "REPLAY")}
        ports |= {f"ISTHMUS_{part}__PORT": str(free_port()) for part in ("WEBHOOK", "API")}
        command = [sys.executable, "-m", "connectors.cli", "run", *name.split()]
        with (tmp_path / f"{name}.log").open("wb") as out:
            started[name] = subprocess.Popen(command, env=os.environ | variables | ports, stdout=out, stderr=out)
    try:
        for name in PROCESSES:
            eventually((tmp_path / f"{name}.log").read_bytes, 60)
    finally:
        for process in started.values():
            process.kill()
        for process in started.values():
            process.wait(60)

    assert [name for name in PROCESSES if MARK.encode() in (tmp_path / f"{name}.log").read_bytes()] == []
