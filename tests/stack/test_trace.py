"""`isthmus trace` and `isthmus dead-letters` over a real log and store, filled as the processes fill them."""

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from connectors.cli.main import build
from connectors.dead_letters.letters import identity
from connectors.sinks.base import Record
from connectors.sinks.clickhouse.log_sink import LogSink
from connectors.sinks.clickhouse.migrate import migrate
from connectors.sinks.clickhouse.sink import ClickHouseSink
from connectors.sinks.clickhouse.store import Store
from connectors.sources.diversion import Diversion
from connectors.sources.receipt import receive, uuid7
from connectors.trace.follow import Follower, Nothing
from connectors.trace.record import Unknown
from connectors.verify import core
from streams import avro, kafka
from streams.core.identity import row_version, series_id
from streams.core.records import DeadLetter, DeviceMapping, Interval, Lineage, RawRecord
from streams.core.replay_record import Replay
from streams.core.times import SECOND
from streams.settings import Settings
from tests.stack import raw_log
from tests.stack.conftest import installed
from tests.stack.harness import Installation, Stack, eventually


def json_record(device: str, value: float, at: int, payload: bytes = b"") -> RawRecord:
    body = payload or b'{"device":"%s","time":%d,"values":{"t":%s}}' % (device.encode(), at // SECOND, b"%g" % value)
    return receive("json", "mqtt", "json/x", body, connector="test")


@dataclass
class World:
    """An installation whose `raw` has been decoded and stored by hand, with the products' own parts."""

    installation: Installation
    store: Store
    at: int
    first: RawRecord
    second: RawRecord
    bad: RawRecord
    places: dict[str, Lineage]

    @property
    def settings(self) -> Settings:
        return self.installation.settings

    def cli(self, *arguments: str) -> Result:
        """In this process: starting another for each question would take most of the test's time."""
        return CliRunner().invoke(build(arguments), list(arguments), env=self.installation.environment())

    def json(self, *arguments: str, status: int = 0) -> Any:
        done = self.cli(*arguments, "--json")
        assert done.exit_code == status, done.output
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def world(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with installed(stack, tmp_path_factory.mktemp("trace")) as installation:
        made = filled(installation)
        yield made
        made.store.command(f"DROP DATABASE `{installation.settings.clickhouse.database}`")
        made.store.close()


def filled(installation: Installation) -> World:
    """Two readings of one device at one time (the later masks the earlier), a broken message; a mapping; a replay."""
    settings = installation.settings
    migrate(settings.clickhouse)
    raw_log.open_generation(settings.kafka)
    mapping = DeviceMapping(device="json:a", physical_uid=3, intervals=[Interval(7, 0)])
    raw_log.write(settings.kafka, "device-mapping", "json:a", mapping)
    at = time.time_ns() // SECOND * SECOND - 60 * SECOND
    first, second = json_record("a", 20.5, at), json_record("a", 21.5, at)
    bad = json_record("", 0, at, b"{rubbish \xff")
    raw_log.write_raw(settings.kafka, [first, bad], partition=1)
    eventually(lambda: raw_log.ends(settings.kafka)[1] == 2)
    raw_log.write_raw(settings.kafka, [second], partition=1)
    replay = Replay(id=4, mode="decode", state="applied", ends={"1": 1}, generation=2, why="a try")
    raw_log.write(settings.kafka, "replays", "4", replay)
    world = World(installation, Store(settings.clickhouse, "test"), at, first, second, bad, {})
    decode_and_store(world)
    return world


def decode_and_store(world: World) -> None:
    settings, ours = world.settings, core.load(world.settings)
    stored, logged = ClickHouseSink(settings), LogSink(settings)
    producer = kafka.BatchProducer(settings.kafka)
    for message in raw_log.messages(settings.kafka, "raw"):
        lineage = Lineage(message.partition() or 0, message.offset() or 0)
        raw = ours.open(message.value(), message.timestamp()[1] * 1_000_000, lineage.offset)
        world.places[raw.id] = lineage
        outcome = ours.decode(raw, lineage, 1)
        for reading in outcome.readings:
            producer.send("readings", reading.device, avro.encode(reading), 2)
        for letter in outcome.dead_letters:
            producer.send("dead-letters", "k", avro.encode(letter))
        producer.flush()
    stored.write(records(settings, "readings"))
    stored.settle()
    logged.write(records(settings, "dead-letters"))
    logged.write([r for r in records(settings, "raw") if r.offset < 2])  # the log sink lags
    raw_log.commit(settings.kafka, {1: 2}, "sink-clickhouse-log")
    raw_log.commit(settings.kafka, {1: 3})
    for sink in (stored, logged):
        sink.close()


def records(settings: Settings, topic: str) -> list[Record]:
    return [
        Record(topic, m.partition() or 0, m.offset() or 0, None, m.value() or b"", m.timestamp()[1] * 1_000_000)
        for m in raw_log.messages(settings.kafka, topic)
    ]


def test_trace_follows_a_correlation_id_through_everything(world: World) -> None:
    (trace,) = world.json("trace", world.first.id)

    assert trace["lineage"] == {"partition": 1, "offset": 0, "index": 0}
    assert (trace["raw"]["held_by"], trace["raw"]["record"]["id"]) == ("Kafka", world.first.id)
    assert (trace["decoding"]["generation"], trace["decoding"]["live_is_ours"]) == (1, True)
    assert [(one["partition"], one["offset"]) for one in trace["readings"]] == [(2, 0)]
    (point,) = trace["points"]
    assert (point["device"], point["name"], point["time"], point["verdict"]) == ("json:a", "t", world.at, "masked")
    assert point["why"] == "by raw 1:2, generation 1"
    assert point["shown"]["value"] == 21.5
    assert point["shown"]["logical_uid"] == 7
    assert trace["latest"] == [{"device": "json:a", "name": "t", "time": world.at, "is_ours": False}]
    hour = next(window for window in trace["windows"] if window["window_s"] == 3600)
    assert (hour["count"], hour["mean"]) == (1, 21.5)
    passed = {(one["group"], one["topic"]): one["committed"] for one in trace["passed"]}
    assert (passed["decode", "raw"], passed["sink-clickhouse-log", "raw"], passed["sink-ubidots", "readings"]) == (
        3,
        2,
        -1,
    )
    assert [(one["id"], one["certain"]) for one in trace["replays"]] == [(4, True)]
    assert trace["faults"] == []


def test_trace_finds_an_id_that_the_store_does_not_know_yet_near_its_time(world: World) -> None:
    (trace,) = world.json("trace", world.second.id)

    assert trace["lineage"]["offset"] == 2
    assert [point["verdict"] for point in trace["points"]] == ["current"]
    assert trace["replays"] == [], "the replay ended before it"


def test_trace_tells_a_person_and_never_sends_a_devices_escape_sequences_to_the_terminal(world: World) -> None:
    done = world.cli("trace", "1:1")

    assert done.exit_code == 0, done.stderr
    assert "hex 7b 72 75 62 62 69 73 68 20 ff" in done.stdout
    assert "open/1:1/0/" in done.stdout
    assert "\x1b" not in done.stdout


def test_trace_says_where_it_looked_for_an_unknown_id(world: World) -> None:
    unknown, beyond = world.cli("trace", uuid7(time.time_ns())), world.cli("trace", "1:99")

    assert (unknown.exit_code, beyond.exit_code) == (1, 1)
    assert "looked in the store's raw_messages and in raw around the time" in unknown.stderr
    assert "raw partition 1 ends at offset 3: there is no 99 yet" in beyond.stderr
    follower = Follower(world.settings, core.load(world.settings))
    with pytest.raises(Nothing, match="neither partition:offset nor a UUID"):
        follower.places("nonsense")
    with pytest.raises(Unknown, match="there is no 77"):
        follower.trace(Lineage(77, 0))
    follower.close()


def test_trace_finds_points_that_decoding_gives_no_more_and_names_what_withdrew_one(world: World) -> None:
    series, version = series_id("json:a", "old"), row_version(0, 1, 0)
    gone = row_version(2, 1, 0)
    for deleted, number in ((0, version), (1, gone)):
        world.store.command(
            "INSERT INTO points (series_id, ts, value, text, quality, logical_uid, version, is_deleted) "
            f"VALUES ({series}, fromUnixTimestamp64Nano(toInt64({world.at})), 9, '', 0, 0, {number}, {deleted})"
        )
    world.store.command(
        "INSERT INTO series (series_id, device, name, unit, source, first_seen, version) "
        f"VALUES ({series}, 'json:a', 'old', '', 'json', now64(9), {version})"
    )

    (trace,) = world.json("trace", "1:0")

    old = next(point for point in trace["points"] if point["name"] == "old")
    assert (old["expected"], old["verdict"], old["why"]) == (False, "withdrawn", "generation 2, replay 4")


def test_dead_letters_are_listed_counted_and_shown_with_what_decoding_says_now(world: World) -> None:
    (letter,) = world.json("dead-letters", "ls", "--stage", "open")
    counts = world.json("dead-letters", "ls", "--by", "reason")
    (shown,) = world.json("dead-letters", "show", letter["id"])

    assert letter["id"].startswith("open/1:1/0/")
    assert {"stage": "open", "reason": letter["reason"], "letters": 1, "newest": counts[0]["newest"]} in counts
    assert shown["raw"]["record"]["id"] == world.bad.id
    assert [one["reason"] for one in shown["decoding"]["dead_letters"]] == [letter["reason"]]
    assert world.json("dead-letters", "ls", "--source", "nobody") == []
    assert "no dead letter has the id" in world.cli("dead-letters", "show", "open/9:9").stderr


def divert(settings: Settings, record: RawRecord) -> DeadLetter:
    return asyncio.run(
        Diversion(settings.diversion, Path()).keep(record, "too-large", "Broker: Message size too large")
    )


def test_a_diverted_record_comes_into_raw_once_when_it_fits_and_else_the_command_says_so(world: World) -> None:
    settings = world.settings
    small, large = json_record("b", 1.0, world.at), json_record("c", 2.0, world.at, b"x" * 17_000_000)
    harmed = json_record("d", 3.0, world.at)
    letters = {record.id: divert(settings, record) for record in (small, large, harmed)}
    Path((letters[harmed.id].body or "").removeprefix("file://")).write_bytes(b"other")
    for letter in letters.values():
        raw_log.write(settings.kafka, "dead-letters", "k", letter)
    sink = LogSink(settings)
    sink.write(records(settings, "dead-letters"))
    sink.close()
    names = {identity(letter): cid for cid, letter in letters.items()}

    def fates() -> dict[str, tuple[str, str]]:
        told = world.json("dead-letters", "replay", "--stage", "door", "--yes", status=1)["resubmitted"]
        return {names[one["id"]]: (one["fate"], one["detail"]) for one in told}

    first, second = fates(), fates()

    assert {cid: fate for cid, (fate, _) in first.items()} == {
        small.id: "sent", large.id: "still does not fit", harmed.id: "cannot be made again",
    }  # fmt: skip
    assert second[small.id] == ("already in raw", first[small.id][1])
    assert "does not match the sha256" in first[harmed.id][1]
    assert [r for r in raw_log.values(settings.kafka, "raw", RawRecord) if r.id == small.id] == [small]


def test_trace_of_a_diverted_record_names_its_dead_letter(world: World) -> None:
    record = json_record("e", 1.0, world.at, b"large")
    raw_log.write(world.settings.kafka, "dead-letters", "k", divert(world.settings, record))
    sink = LogSink(world.settings)
    sink.write(records(world.settings, "dead-letters"))
    sink.close()

    done = world.cli("trace", record.id)

    assert done.exit_code == 1
    assert "door/diverted/0/" in done.stdout
    assert "it never reached raw" in done.stderr
