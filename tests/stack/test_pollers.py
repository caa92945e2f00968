"""Pollers on a real Kafka: every answer is in `raw`, none because it came again, whatever dies."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.simulator.poller_stubs import TOKEN, World, application
from streams import scan
from streams.core.cursor_record import Cursor
from streams.core.records import Reading
from tests.serving import serving
from tests.stack import doors, raw_log
from tests.stack.harness import Installation, Process, eventually
from tests.stack.proxy import Proxy


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def at(installation: Installation, world: World) -> Iterator[Installation]:
    """The installation with pollers that ask our stub ten times a second."""
    with serving(application(world)) as url:
        often: dict[str, Any] = {"period_s": 0.1}
        accounts = [{"username": "ann", "password": TOKEN}]
        pollers = {
            "ict_eagleio": often | {"token": TOKEN, "url": f"{url}/eagle"},
            "greenbrain": often | {"accounts": accounts, "url": f"{url}/greenbrain/v3"},
            "axistech": often | {"token": TOKEN, "url": f"{url}/axistech/", "lookback_days": 1},
            "attempts": 1,
        }
        yield installation.with_settings(pollers=pollers)


def start(at: Installation, name: str, tmp_path: Path) -> Process:
    return at.start("run", "poller", name, section="pollers", log=tmp_path / f"{name}.log")


def cursors(at: Installation) -> dict[str, Cursor]:
    return {cursor.id: cursor for cursor in scan.table(at.settings.kafka, "cursors", Cursor).values()}


def payloads(at: Installation) -> list[bytes]:
    return [record.payload for record in doors.raw(at)]


def asked(world: World, what: str, more: int = 3) -> None:
    """Wait until it was asked some times more, so that an answer that came again has been seen."""
    before = world.counts[what]
    eventually(lambda: world.counts[what] >= before + more)


def test_an_answer_is_kept_once_over_kill_and_restart(at: Installation, world: World, tmp_path: Path) -> None:
    process = start(at, "ict_eagleio", tmp_path)
    eventually(lambda: len(payloads(at)) == 1)
    first = eventually(lambda: cursors(at))["ict_eagleio"]
    process.kill()
    process = start(at, "ict_eagleio", tmp_path)
    asked(world, "eagle 200")
    assert len(payloads(at)) == 1, "it is the answer of before"

    process.kill()
    world.nodes = world.nodes[:1]
    process = start(at, "ict_eagleio", tmp_path)
    eventually(lambda: len(payloads(at)) == 2)
    eventually(lambda: cursors(at)["ict_eagleio"].digests != first.digests)
    asked(world, "eagle 200")
    assert len(payloads(at)) == 2
    assert 'isthmus_polls_total{outcome="unchanged",poller="ict_eagleio"}' in process.metrics()
    assert process.stop() == 0
    assert TOKEN.encode() not in b"".join(payloads(at))


def test_no_answer_is_lost_when_killed_at_any_moment(at: Installation, world: World, tmp_path: Path) -> None:
    told = []
    for number in range(4):
        process = start(at, "ict_eagleio", tmp_path)
        for step in range(3):
            value = number * 10 + step
            world.nodes = [{"value": value}]
            told.append(b'[{"value":%d}]' % value)
            asked(world, "eagle 200", 2)
        process.kill()
    kept = payloads(at)
    assert set(told) <= set(kept)
    assert len(kept) <= len(told) + 4, "at most the answer that was under way comes twice"


def test_every_group_and_window_has_its_own_cursor(at: Installation, world: World, tmp_path: Path) -> None:
    start(at, "greenbrain", tmp_path)
    eventually(lambda: "greenbrain:19640" in cursors(at))
    axistech = start(at, "axistech", tmp_path)
    eventually(lambda: "axistech" in cursors(at))
    start_of_today = world.windows[-1][0]
    world.rows = [{"code": "1234", "time": start_of_today, "rainfall": "0.2"}]
    seen = eventually(lambda: cursors(at)["axistech"].times)
    axistech.kill()
    world.windows.clear()
    start(at, "axistech", tmp_path)
    assert eventually(lambda: list(world.windows))[0][0] == start_of_today, "it goes on where it was"
    assert list(seen) == ["1234"]


def test_polls_become_readings(at: Installation, world: World, tmp_path: Path) -> None:
    raw_log.open_generation(at.settings.kafka)
    at.start("run", "decode", section="decode", log=tmp_path / "decode.log")
    for name in ("ict_eagleio", "greenbrain"):
        start(at, name, tmp_path)

    def found() -> dict[str, float | None]:
        readings = raw_log.values(at.settings.kafka, "readings", Reading)
        return {f"{r.device} {m.name}": m.value for r in readings for m in r.measurements}

    expected = {
        "ict_eagleio:pond1 level": 1.5,
        "ict_eagleio:pond10 level": 2.5,
        "greenbrain:19640 10cm": 40.06,
    }
    eventually(lambda: found() == expected, 60)


def test_it_polls_on_into_the_spool_while_kafka_is_away(at: Installation, world: World, tmp_path: Path) -> None:
    kafka = Proxy(at.stack.kafka, kafka=True)
    kafka.open()
    try:
        away = at.with_settings(
            kafka={"bootstrap_servers": kafka.address}, spool=at.overrides["spool"] | {"takeover_s": 0.3}
        )
        process = start(away, "ict_eagleio", tmp_path)
        eventually(lambda: len(payloads(at)) == 1)
        kafka.shut()
        world.nodes = ["while Kafka was away"]
        eventually(lambda: 'isthmus_spool_records{connector="poller-ict_eagleio"} 1.0' in process.metrics())
        assert process.ready(), "the spool can take records"
        kafka.open()
        eventually(lambda: b'["while Kafka was away"]' in payloads(at), 60)
        eventually(lambda: len(cursors(at)["ict_eagleio"].digests) == 1)
        assert process.stop() == 0
    finally:
        kafka.close()


def test_a_status_that_is_bad_is_counted_and_passes(at: Installation, world: World, tmp_path: Path) -> None:
    world.broken = 500
    process = start(at, "ict_eagleio", tmp_path)
    eventually(lambda: 'isthmus_polls_total{outcome="failed",poller="ict_eagleio"}' in process.metrics())
    assert not payloads(at)
    world.broken = None
    eventually(lambda: len(payloads(at)) == 1)
