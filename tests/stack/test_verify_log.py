"""`isthmus verify` on what sink `clickhouse-log` stores beside dead letters: raw messages, mappings, devices."""

import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from msgspec import Struct
from msgspec.structs import replace

from connectors.demo import quiet
from connectors.sinks.clickhouse.migrate import migrate
from connectors.sources.receipt import receive
from connectors.verify import store_side
from connectors.verify.compare import Difference
from connectors.verify.report import Report, check
from connectors.verify.scope import Scope
from streams import avro, kafka
from streams.core.records import (
    DeviceMapping,
    Interval,
    Location,
    LogicalDevice,
    Pause,
    PhysicalDevice,
    RawRecord,
    Variable,
)
from streams.core.signed_topic import SignedTopic
from streams.core.times import DAY
from tests.faults import judge
from tests.stack import raw_log, sinks
from tests.stack.harness import Installation, eventually
from tests.stack.test_verify import verify

PAYLOADS = [bytes(range(256)), b"", "ä\x1f".encode(), b"{}"]
TABLES = ("raw_messages", "device_mapping", "physical_devices", "logical_devices", "retention")
PAUSED = Interval(7, 0, 20, pauses=[Pause(5, None)], variables=[Variable("t", "temperature", 2.0, 1.0)])
REGISTRY: list[tuple[str, str, Struct | None]] = [
    ("device-mapping", "json:a", DeviceMapping(device="json:a", physical_uid=1, intervals=[Interval(6, 0), Interval(7, 9)])),
    ("device-mapping", "json:a", DeviceMapping(device="json:a", physical_uid=1, intervals=[PAUSED])),
    ("device-mapping", "json:b", DeviceMapping(device="json:b", physical_uid=2, intervals=[Interval(6, 0)])),
    ("device-mapping", "json:b", None),
    ("device-mapping", "json:c", DeviceMapping(device="json:c", physical_uid=3, intervals=[Interval(6, 0, 5), Interval(7, 5)])),
    ("device-mapping", "json:d", DeviceMapping(device="json:d", physical_uid=4)),
    ("physical-devices", "1", PhysicalDevice(uid=1, device="json:a", source="json", name="a", source_ids={"id": "a"})),
    ("physical-devices", "2", PhysicalDevice(uid=2, device="json:b", source="json", name="b", location=Location(-33.5, 149.0))),
    ("physical-devices", "1", PhysicalDevice(uid=1, device="json:a", source="json", name="A", last_seen=9)),
    ("physical-devices", "3", PhysicalDevice(uid=3, device="json:c", source="json", name="c")),
    ("physical-devices", "3", None),
    ("logical-devices", "6", LogicalDevice(uid=6, name="six", properties='{"depth": 1}')),
    ("logical-devices", "8", LogicalDevice(uid=8, name="eight")),
    ("logical-devices", "8", None),
    ("signed-topics", "s", SignedTopic(topic="s", dataset="d", raw_retention=60)),
    ("signed-topics", "u", SignedTopic(topic="u", dataset="d", raw_retention=60)),
    ("signed-topics", "u", None),
]  # fmt: skip
FILLED = {"raw_messages": 7, "device_mapping": 4, "physical_devices": 2, "logical_devices": 1, "retention": 2}
"""Of raw messages rows, else what has rows that must be there; a signed topic that is removed keeps its row."""


def said(payload: bytes, headers: Sequence[tuple[str, str]] = ()) -> RawRecord:
    return receive("unheard-of", "mqtt", "a/b", payload, headers=headers, connector="test")


def register(at: Installation, entries: Sequence[tuple[str, str, Struct | None]]) -> None:
    producer = kafka.BatchProducer(at.settings.kafka)
    for topic, key, value in entries:
        producer.send(topic, key, None if value is None else avro.encode(value))
        producer.flush()


def fill(at: Installation) -> None:
    """Seven raw records that can be read, one of them twice and one received long ago, one that cannot; the registry."""
    twice, old = (
        said(b"twice", [("qos", "1"), ("dup", "true")]),
        replace(said(b"old"), received_at=time.time_ns() - 3 * DAY),
    )
    raw_log.write_raw(at.settings.kafka, [*map(said, PAYLOADS), twice, twice, old, b"rubbish"])
    register(at, REGISTRY)


def await_committed(at: Installation) -> None:
    def all_there() -> bool:
        ends = {topic: max((m.offset() or 0 for m in raw_log.messages(at.settings.kafka, topic)), default=-1) + 1
                for topic in {topic for topic, _, _ in REGISTRY}}  # fmt: skip
        raw = sum(raw_log.ends(at.settings.kafka).values())
        return sinks.committed(at, "clickhouse-log", "raw") == raw and all(
            sinks.committed(at, "clickhouse-log", topic) == end for topic, end in ends.items()
        )

    eventually(all_there, every=0.3)


def noted(at: Installation, scope: Scope | None = None) -> tuple[dict[str, Difference], Report]:
    report = check(at.settings, scope=scope or Scope())
    return {one.table: one for one in report.differences if one.table in TABLES}, report


@pytest.fixture
def at(installation: Installation) -> Installation:
    raw_log.open_generation(installation.settings.kafka)
    migrate(installation.settings.clickhouse)
    return installation


def start(at: Installation, log: Path, module: str = "connectors.cli", *mutant: str) -> None:
    at.start(*mutant, "run", "sink", "clickhouse-log", section="sink", log=log, module=module)


TAMPERED = {
    "raw_messages: missing": "DELETE FROM raw_messages WHERE payload = ''",
    "raw_messages: wrong": "INSERT INTO raw_messages SELECT * REPLACE ('x' AS address) FROM raw_messages FINAL WHERE payload = '{}'",
    "raw_messages: extra": "INSERT INTO raw_messages SELECT * REPLACE (99 AS raw_offset) FROM raw_messages FINAL LIMIT 1",
    "device_mapping: missing": "DELETE FROM device_mapping WHERE device = 'json:d'",
    "device_mapping: wrong": "DELETE FROM device_mapping WHERE device = 'json:c' AND ordinal = 1",
    "device_mapping: extra": "INSERT INTO device_mapping SELECT * REPLACE ('json:x' AS device) FROM device_mapping FINAL WHERE physical_uid = 1",
    "physical_devices: missing": "DELETE FROM physical_devices WHERE uid = 2",
    "physical_devices: wrong": "INSERT INTO physical_devices SELECT * REPLACE ('z' AS name) FROM physical_devices FINAL WHERE uid = 1",
    "logical_devices: extra": "INSERT INTO logical_devices SELECT * REPLACE (9 AS uid) FROM logical_devices FINAL LIMIT 1",
    "retention: wrong": "INSERT INTO retention SELECT * REPLACE (61 AS raw_retention_s) FROM retention FINAL WHERE device = 'signed:s'",
}  # fmt: skip


def test_what_the_sink_has_stored_is_compared_both_ways(at: Installation, tmp_path: Path) -> None:
    fill(at)
    tables, report = noted(at)
    assert (tables, report.behind) == ({}, FILLED)
    told = " ".join(verify(at, "--wait", "0").output.split())
    assert "raw_messages: 7 record(s) that sink clickhouse-log has not committed: not checked" in told
    with pytest.raises(quiet.Restless, match="device-mapping"):
        judge._wait_until_noted(at.settings.kafka, patience_s=0)

    start(at, tmp_path / "sink.log")
    await_committed(at)
    judge._wait_until_noted(at.settings.kafka, patience_s=0)
    tables, report = noted(at)
    assert all(one.equal for one in tables.values()), report.faults
    assert {name: one.expected for name, one in tables.items()} == FILLED
    assert not report.behind

    client = store_side.connect(at.settings.clickhouse)
    for statement in TAMPERED.values():
        client.command(statement)
    client.close()
    tables, report = noted(at)
    for what in TAMPERED:
        assert any(fault.startswith(what) for fault in report.faults), (what, report.faults)


def test_of_what_kafka_has_no_more_nothing_is_said_and_a_part_is_compared_as_far_as_it_goes(
    at: Installation, tmp_path: Path
) -> None:
    fill(at)
    start(at, tmp_path / "sink.log")
    await_committed(at)
    now = time.time_ns()

    tables, _ = noted(at, Scope(start=now - 4 * DAY, end=now - 2 * DAY))
    assert {name: (one.expected, one.equal) for name, one in tables.items()} == {"raw_messages": (1, True)}
    tables, _ = noted(at, Scope(start=now - DAY))
    assert {name: (one.expected, one.equal) for name, one in tables.items()} == {"raw_messages": (6, True)}
    tables, _ = noted(at, Scope(device="json:a"))
    assert {name: (one.expected, one.equal) for name, one in tables.items()} == {
        "device_mapping": (1, True), "physical_devices": (1, True), "retention": (0, True),
    }  # fmt: skip

    raw_log.delete_before(at.settings.kafka, raw_log.ends(at.settings.kafka))
    raw_log.write_raw(at.settings.kafka, [said(b"later")])
    await_committed(at)
    tables, report = noted(at)
    assert all(one.equal for one in tables.values()), report.faults
    assert tables["raw_messages"].expected == 1


def test_a_sink_that_commits_before_its_insert_and_is_killed_has_lost_rows(at: Installation, tmp_path: Path) -> None:
    start(at, tmp_path / "mutant.log", "tests.faults.mutants", "inserts-late")
    for payloads in ([b"kept", b"kept"], [b"lost"]):
        raw_log.write_raw(at.settings.kafka, map(said, payloads))
        await_committed(at)
    at.processes[0].kill()
    start(at, tmp_path / "sink.log")
    raw_log.write_raw(at.settings.kafka, [said(b"later")])
    await_committed(at)

    tables, report = noted(at)

    lost = tables["raw_messages"]
    assert (lost.expected, lost.missing, lost.extra, lost.wrong) == (4, 1, 0, 0)
    assert len([fault for fault in report.faults if fault.startswith("raw_messages: missing raw ")]) == 1
