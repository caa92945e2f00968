"""What a person asks the store by names, and what `clickhouse-log` puts beside the points."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec import Struct, structs

import sql
from connectors.sinks.base import Record
from connectors.sinks.clickhouse.log_sink import LogSink
from streams import avro
from streams.core.message import DELETED
from streams.core.place import place, present
from streams.core.records import (
    DeadLetter,
    DeviceMapping,
    Interval,
    Location,
    LogicalDevice,
    Measurement,
    Pause,
    PhysicalDevice,
    RawRecord,
    Variable,
)
from streams.core.signed_topic import SignedTopic
from streams.core.times import SECOND
from tests.stack.harness import Stack
from tests.stack.store import DEVICE, NOON, Bench, measured, reading, records

MINUTE, DAY = 60 * SECOND, 86_400
MAPPING = DeviceMapping(
    device=DEVICE,
    physical_uid=1,
    intervals=[
        Interval(
            7, NOON, NOON + 10 * MINUTE, variables=[Variable("t", "temperature", 2.0, 1.0), Variable("junk", drop=True)]
        ),
        Interval(7, NOON + 10 * MINUTE, NOON + 20 * MINUTE, pauses=[Pause(NOON + 15 * MINUTE, NOON + 16 * MINUTE)]),
        Interval(8, NOON + 30 * MINUTE, variables=[Variable("t", scale=0.5)]),
    ],
)
TIMES = [NOON + minute * MINUTE for minute in (-1, 0, 9, 10, 15, 16, 20, 29, 30, 99)]


class Log:
    """The sink `clickhouse-log` over the bench's database."""

    def __init__(self, bench: Bench) -> None:
        self._sink, self._offset = LogSink(bench.settings), 0

    def write(self, topic: str, key: str, value: Struct | None, offset: int | None = None) -> list[str]:
        """Write one record; the reasons of its rejection."""
        self._offset = self._offset + 1 if offset is None else offset
        data = None if value is None else avro.encode(value)
        record = Record(topic, 2, self._offset, key.encode(), data, NOON)
        return [rejection.reason for rejection in self._sink.write([record])]


@pytest.fixture(scope="module")
def bench(stack: Stack) -> Iterator[Bench]:
    made = Bench(stack.clickhouse)
    yield made
    made.close()


@pytest.fixture
def log(bench: Bench) -> Log:
    for (table,) in bench.rows(
        "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree' AND name != 'migrations'"
    ):
        bench.store.command(f"TRUNCATE TABLE {table}")
    bench.restarted()
    return Log(bench)


def placed(time: int, value: float | str, name: str = "t") -> Measurement:
    return measured(value, time, name, place(MAPPING, time))


def test_a_deleted_value_is_no_latest_one_and_an_older_copy_does_not_bring_it_back(bench: Bench, log: Log) -> None:
    gone = structs.replace(measured(2.0, NOON + SECOND, "gone"), quality=DELETED)
    again = structs.replace(measured(2.0, NOON + SECOND, "again"), quality=DELETED)
    bench.sink.write(records(reading(measured(1.0, NOON, "gone"), gone, again)))
    bench.sink.write(records(reading(measured(1.0, NOON, "gone"), offset=1), first=1))
    bench.sink.write(records(reading(measured(3.0, NOON + 2 * SECOND, "again"), offset=2), first=2))
    bench.settle()

    assert bench.rows("SELECT name, value FROM latest_readings ORDER BY name") == [("again", 3.0)]
    assert bench.rows("SELECT name, value, quality FROM readings ORDER BY name, time") == [
        ("again", 2.0, DELETED), ("again", 3.0, 0), ("gone", 1.0, 0), ("gone", 2.0, DELETED),
    ]  # fmt: skip


def test_factory_sensors_are_offline_when_they_say_so_or_are_silent(bench: Bench, log: Log) -> None:
    now = time.time_ns()
    said = {"online": (1.0, now), "gone": (0.0, now), "silent": (1.0, now - 200 * SECOND)}
    found = [
        structs.replace(reading(measured(value, at, "online"), device=f"factory:{name}", offset=n), source="factory")
        for n, (name, (value, at)) in enumerate(said.items())
    ]
    bench.sink.write(records(*found))
    bench.settle()

    rows = [tuple(row) for row in bench.store.rows(sql.query("factory_states"), {"heartbeat_s": 60})]
    assert [(row[0], row[2]) for row in rows] == [
        ("factory:gone", "offline"), ("factory:online", "online"), ("factory:silent", "offline"),
    ]  # fmt: skip


def test_readings_are_found_by_names(bench: Bench, log: Log) -> None:
    bench.sink.write(
        records(reading(measured(21.5), measured("on", name="pump")), reading(measured(1.0), device="json:other"))
    )

    question = f"SELECT time, value, unit, source FROM readings WHERE device = '{DEVICE}' AND name = 't'"
    assert bench.rows(question) == [(NOON, 21.5, "C", "json")]
    assert bench.rows(f"SELECT value, text FROM readings WHERE device = '{DEVICE}' AND name = 'pump'") == [(None, "on")]


def test_doubtful_values_can_be_left_out_and_deleted_series_are_not_the_latest(bench: Bench, log: Log) -> None:
    def flagged(value: float, quality: int, time: int, name: str) -> Measurement:
        return structs.replace(measured(value, time, name), quality=quality)

    told = [
        flagged(1.0, 0, NOON, "t"),
        flagged(900.0, 3, NOON + 1, "t"),
        flagged(2.0, 0, NOON, "gone"),
        flagged(0.0, 8, NOON + 1, "gone"),
        flagged(0.0, 8, NOON, "back"),
        flagged(3.0, 4, NOON + 1, "back"),
    ]
    bench.sink.write(records(reading(*told)))
    bench.settle()

    assert bench.rows("SELECT name, value, quality_names FROM readings WHERE NOT is_plausible ORDER BY name, time") == [
        ("back", 0.0, ["deleted"]),
        ("gone", 0.0, ["deleted"]),
        ("t", 900.0, ["receipt-time", "implausible"]),
    ]
    assert bench.rows("SELECT name, value FROM readings WHERE is_plausible ORDER BY name, time") == [
        ("back", 3.0),
        ("gone", 2.0),
        ("t", 1.0),
    ]
    assert bench.rows("SELECT name, value, quality_names FROM latest_readings ORDER BY name") == [
        ("back", 3.0, ["codec-differs"]),
        ("t", 900.0, ["receipt-time", "implausible"]),
    ]


def test_points_of_a_signed_topic_are_hidden_when_their_time_is_over_and_stay_in_the_store(
    bench: Bench, log: Log
) -> None:
    now = time.time_ns()
    young, old, ancient = now - 30 * SECOND, now - 70 * SECOND, now - 2 * DAY * SECOND
    told = [measured(1.0, young, "t", 7), measured(2.0, old, "t", 7), measured(4.0, ancient, "gone", 7)]
    for number, device in enumerate(("signed:a", "signed:b", DEVICE)):
        bench.sink.write(records(reading(*told, device=device, offset=number), first=number))
    bench.settle()
    log.write("logical-devices", "7", LogicalDevice(uid=7, name="Tank"))

    def shown(device: str) -> tuple[list[float], list[float], list[float], float]:
        def values(view: str) -> list[float]:
            return [
                float(row[0]) for row in bench.rows(f"SELECT value FROM {view} WHERE device = '{device}' ORDER BY 1")
            ]

        hours = f"SELECT sum(sum) FROM named_aggregates WHERE device = '{device}' AND window_s = 3600"
        return values("readings"), values("logical_readings"), values("latest_readings"), float(bench.rows(hours)[0][0])

    every = ([1.0, 2.0, 4.0], [1.0, 2.0, 4.0], [1.0, 4.0], 7.0)
    assert shown("signed:a") == shown("signed:b") == shown(DEVICE) == every
    topic = SignedTopic(topic="a", dataset="tanks", raw_retention=60)
    log.write("signed-topics", "a", topic)
    assert shown("signed:a") == ([1.0], [1.0], [1.0], 7.0)
    assert bench.rows(sql.query("expired_points")) == [("signed:a", 2, ancient)]
    assert shown("signed:b") == shown(DEVICE) == every
    log.write("signed-topics", "a", structs.replace(topic, raw_retention=3 * DAY))
    assert shown("signed:a") == every
    log.write("signed-topics", "a", structs.replace(topic, raw_retention=10, aggregate_retention=DAY))
    assert shown("signed:a") == ([], [], [], 3.0)
    log.write("signed-topics", "a", None)
    assert shown("signed:a") == ([], [], [], 3.0)
    assert bench.rows("SELECT count() FROM points FINAL") == [(9,)]


def test_logical_readings_are_what_the_mapping_presents(bench: Bench, log: Log) -> None:
    measurements = [
        placed(time, value, name) for time in TIMES for name, value in (("t", 10.0), ("junk", 5.0), ("pump", "on"))
    ]
    bench.sink.write(records(reading(*measurements)))
    log.write("logical-devices", "7", LogicalDevice(uid=7, name="North paddock"))
    log.write("logical-devices", "8", LogicalDevice(uid=8, name="South paddock"))
    log.write("device-mapping", DEVICE, DeviceMapping(device=DEVICE, physical_uid=1, intervals=[Interval(9, 0)] * 5))
    log.write("device-mapping", DEVICE, MAPPING)

    shown = [p for m in measurements if (p := present(m, MAPPING)) is not None]
    names = {7: "North paddock", 8: "South paddock"}
    expected = {(names[p.logical_uid or 0], p.name, p.time, p.value, p.text or "") for p in shown}
    assert len(expected) == 16
    assert set(bench.rows("SELECT logical_device, name, time, value, text FROM logical_readings")) == expected


def test_the_mapping_in_force_is_the_newest_record_of_each_device(bench: Bench, log: Log) -> None:
    log.write("device-mapping", DEVICE, MAPPING)
    log.write("device-mapping", "json:other", structs.replace(MAPPING, device="json:other"))
    log.write("device-mapping", "json:other", None)
    log.write("device-mapping", "json:third", DeviceMapping(device="json:third", physical_uid=3))

    rows = bench.rows(
        "SELECT device, ordinal, logical_uid, start, end FROM device_mapping_in_force ORDER BY device, ordinal"
    )
    assert rows == [
        (DEVICE, 0, 7, NOON, NOON + 10 * MINUTE),
        (DEVICE, 1, 7, NOON + 10 * MINUTE, NOON + 20 * MINUTE),
        (DEVICE, 2, 8, NOON + 30 * MINUTE, None),
    ]


def test_devices_change_and_go(bench: Bench, log: Log) -> None:
    device = PhysicalDevice(
        uid=1, device=DEVICE, source="json", name="first", location=Location(-33.5, 149.0), source_ids={"id": "probe"}
    )
    log.write("physical-devices", "1", device)
    log.write(
        "physical-devices", "1", PhysicalDevice(uid=1, device=DEVICE, source="json", name="second", last_seen=NOON)
    )
    log.write("physical-devices", "1", device, offset=1)
    log.write("logical-devices", "7", LogicalDevice(uid=7, name="gone"), offset=5)
    log.write("logical-devices", "7", None)

    assert bench.rows("SELECT uid, name, latitude, last_seen FROM physical_devices FINAL") == [
        (1, "second", None, NOON)
    ]
    assert bench.rows("SELECT uid FROM logical_devices FINAL") == []


def test_raw_messages_keep_every_byte(bench: Bench, log: Log) -> None:
    payload = bytes(range(256)) * 3
    message = RawRecord(
        id="u1", source="ttn", transport="mqtt", address="a/b", received_at=NOON, headers={"qos": "1"}, payload=payload
    )
    for _ in range(2):
        log.write("raw", "k", message, offset=41)
    log.write(
        "raw",
        "k",
        RawRecord(id="u2", source="", transport="http", address="", received_at=NOON, payload=b""),
        offset=42,
    )

    columns = "raw_partition, raw_offset, id, source, transport, address, received_at, headers, hex(payload), size"
    first, second = bench.rows(f"SELECT {columns} FROM raw_messages FINAL ORDER BY raw_offset")
    assert first == (2, 41, "u1", "ttn", "mqtt", "a/b", NOON, {"qos": "1"}, payload.hex().upper(), 768)
    assert second[-2:] == ("", 0)


def test_a_dead_letter_written_again_is_one_row(bench: Bench, log: Log) -> None:
    letter = letter_of("lpp-short", 5)
    for value in (letter, letter, letter_of("lpp-short", 6), letter_of("unknown-port", 5)):
        log.write("dead-letters", "k", value)

    assert bench.rows(sql.query("dead_letters_by_reason")) == [("codec", "lpp-short", 2), ("codec", "unknown-port", 1)]


def test_what_is_no_record_is_rejected(log: Log) -> None:
    assert log.write("raw", "k", None) == ["no-value"]
    assert log.write("raw", "k", letter_of("x", 1)) == ["wrong-record"]


def test_every_named_query_runs_and_says_what_it_answers(bench: Bench, log: Log) -> None:
    answers: dict[str, Any] = {"logical_device": "North paddock", "device": DEVICE, "name": "t", "late_s": 600}
    answers |= {"serial": "", "level": "", "from_time": "2024-01-01", "until_time": "2025-01-01", "heartbeat_s": 60}
    answers |= {"dataset": "tanks", "tag": "site", "value": "north", "count": 5}
    answers |= {"devices": [DEVICE], "logical_uid": 0, "start": 0, "end": NOON, "source": ""}
    for name, question in sql.queries().items():
        assert question.endswith((")", "?")), name
        if "$" not in sql.query(name):
            bench.store.rows(sql.query(name), answers)


def letter_of(reason: str, offset: int) -> DeadLetter:
    return DeadLetter(stage="codec", reason=reason, detail="d", raw_partition=0, raw_offset=offset, at=NOON)
