"""The stack's processes follow the settings."""

from pathlib import Path
from typing import Any

import pytest

from connectors.cli import processes
from deploy.local import plan
from deploy.local.plan import Http, Plan, Process
from streams.settings import Settings


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def ours(started: tuple[str, ...] = (), **sections: Any) -> dict[str, Process]:
    return {process.name: process for process in processes.ours(Settings(**sections), started)}


def test_by_default_everything_but_ubidots_runs() -> None:
    assert list(ours()) == [
        *("topics", "migrate", "api", "mqtt", "webhook", "decode-0", "window-0"),
        *("sink-clickhouse", "sink-clickhouse-log", "sink-files", "sink-archive", "sink-device-logs", "replay"),
    ]


def test_ubidots_runs_when_its_token_is_set() -> None:
    assert ours(ubidots={"token": "secret"})["sink-ubidots"].command[-2:] == ("sink", "ubidots")


def test_pollers_run_when_they_have_their_credentials() -> None:
    accounts = [{"username": "ann", "password": "secret"}]
    made = ours(pollers={"ict_eagleio": {"token": "secret"}, "greenbrain": {"accounts": accounts}})

    assert [name for name in made if name.startswith("poller")] == ["poller-ict_eagleio", "poller-greenbrain"]
    assert made["poller-greenbrain"].command[-2:] == ("poller", "greenbrain")
    assert made["poller-greenbrain"].environment == {"ISTHMUS_POLLERS__HEALTH_PORT": "25751"}
    assert "secret" not in repr(made)


def test_no_secret_gets_into_the_plan() -> None:
    assert "secret" not in repr(ours(ubidots={"token": "secret"}, clickhouse={"password": "secret"}))


def test_workers_have_instances_and_ports_of_their_own() -> None:
    made = ours(stack={"decode_workers": 3, "window_workers": 2})

    assert made["decode-2"].environment == {"ISTHMUS_DECODE__HEALTH_PORT": "25712", "ISTHMUS_DECODE__INSTANCE": "2"}
    assert made["window-1"].environment == {"ISTHMUS_WINDOW__HEALTH_PORT": "25721", "ISTHMUS_WINDOW__INSTANCE": "1"}


def test_no_two_processes_share_a_port() -> None:
    made = ours(stack={"decode_workers": 4, "window_workers": 4}, ubidots={"token": "x"})
    ports = [port.number for process in made.values() for port in process.ports]

    assert len(set(ports)) == len(ports)


def test_every_process_is_probed_where_it_is_told_to_listen() -> None:
    for process in ours().values():
        if not process.task:
            assert isinstance(process.ready, Http)
            assert process.ready.port in {port.number for port in process.ports}


def test_it_starts_in_an_order_that_works() -> None:
    servers = [Process(name, ("true",)) for name in ("kafka", "mqtt-broker", "clickhouse")]
    made = ours(("kafka", "mqtt", "clickhouse"))

    plan.check(Plan((*servers, *made.values()), "."))

    assert made["topics"].after == ("kafka",)
    assert made["migrate"].after == ("clickhouse",)
    assert made["decode-0"].after == ("api",)
    assert made["mqtt"].after == ("topics", "mqtt-broker")
    assert made["sink-clickhouse"].after == ("topics", "migrate")
    assert made["replay"].after == ("api", "migrate")


def test_the_default_settings_need_all_three_servers() -> None:
    needed = processes.needed_servers(Settings())

    assert needed.names == ("kafka", "mqtt", "clickhouse")
    assert needed.directory.is_absolute()
    assert processes.needed_servers(Settings(), ["kafka"]).names == ("kafka",)


@pytest.mark.parametrize(
    ("sections", "address"),
    [
        ({"kafka": {"bootstrap_servers": "a.example:9092,b.example:9092"}}, {"kafka": "a.example:9092,b.example:9092"}),
        ({"kafka": {"bootstrap_servers": "127.0.0.1:9092"}}, {"kafka": "127.0.0.1:9092"}),
        ({"kafka": {"bootstrap_servers": "localhost:29092"}}, {}),
        ({"mqtt": {"brokers": [{"host": "mqtt.example", "port": 8883}]}}, {"mqtt": "mqtt.example:8883"}),
        ({"clickhouse": {"url": "https://user@ch.example:8443"}}, {"clickhouse": "ch.example:8443"}),
        ({"clickhouse": {"url": "http://[::1]:28123/"}}, {}),
        ({"stack": {"kafka_port": 9092}, "kafka": {"bootstrap_servers": "127.0.0.1:9092"}}, {}),
    ],
)
def test_servers_that_the_settings_point_to_elsewhere_are_not_started(sections: Any, address: dict[str, str]) -> None:
    settings = Settings(**sections)

    assert processes.external(settings) == address
    assert set(processes.needed_servers(settings).names) == {"kafka", "mqtt", "clickhouse"} - set(address)


def test_a_stack_that_reads_two_brokers_starts_its_own() -> None:
    brokers = [{"name": "far", "host": "mqtt.example", "port": 1883}, {"name": "near", "port": 21883}]

    assert processes.external(Settings(mqtt={"brokers": brokers})) == {}
