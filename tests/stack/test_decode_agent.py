"""The decode agent as a process on a real broker: what it makes of raw records, and when it refuses."""

from pathlib import Path

from streams.core.records import DeadLetter, DeviceEvent, DeviceMapping, Interval, RawRecord, Reading
from tests.ports import free_port
from tests.stack import raw_log
from tests.stack.harness import PATIENCE, Installation, Process, eventually
from tests.stack.raw_log import json_record


def start(installation: Installation, tmp_path: Path, wait: bool = True) -> Process:
    return installation.start("run", "decode", section="decode", log=tmp_path / "decode.log", wait=wait)


def readings(installation: Installation) -> list[Reading]:
    return raw_log.values(installation.settings.kafka, "readings", Reading)


def test_it_decodes_puts_poison_aside_and_places_with_a_mapping_change_within_a_second(
    installation: Installation, tmp_path: Path
) -> None:
    kafka = installation.settings.kafka
    raw_log.open_generation(kafka)
    poison: list[RawRecord | bytes] = [
        b"no avro at all",
        b"\xc3\x01" + b"8bytesxx" + b"body",
        b"\x00\x00\x00\x00\x07body of a Confluent schema",
        json_record(2, source="nobody"),
        json_record(3, payload=b"{rubbish"),
        json_record(4, payload=b""),
    ]
    raw_log.write_raw(kafka, [json_record(0), *poison, json_record(1)], partition=1)
    process = start(installation, tmp_path)
    eventually(lambda: raw_log.committed(kafka) == {1: 8}, every=0.2)

    assert [(r.raw_partition, r.raw_offset, r.generation, r.device) for r in readings(installation)] == [
        (1, 0, 1, "json:d0"), (1, 7, 1, "json:d1"),
    ]  # fmt: skip
    letters = raw_log.values(kafka, "dead-letters", DeadLetter)
    assert sorted((d.raw_offset, d.stage, d.reason) for d in letters)[:3] == [
        (1, "avro", "not-avro"), (2, "avro", "unknown-schema"), (3, "avro", "unknown-schema"),
    ]  # fmt: skip
    assert sorted((d.raw_partition, d.raw_offset, d.stage) for d in letters)[3:] == [
        (1, 4, "open"), (1, 5, "open"), (1, 6, "open"),
    ]  # fmt: skip
    events = raw_log.values(kafka, "device-events", DeviceEvent)
    assert {(e.kind, e.device) for e in events} == {("seen", "json:d0"), ("seen", "json:d1")}

    mapping = DeviceMapping(device="json:d0", physical_uid=7, intervals=[Interval(logical_uid=42, start=0)])
    raw_log.write(kafka, "device-mapping", "json:d0", mapping)
    eventually(lambda: "isthmus_mapping_position 0.0" in process.metrics())
    raw_log.write_raw(kafka, [json_record(0)], partition=2)
    eventually(lambda: raw_log.committed(kafka) == {1: 8, 2: 1}, every=0.2)
    placed = next(r for r in readings(installation) if r.raw_partition == 2)
    assert (placed.physical_uid, placed.mapping_position) == (7, 0)
    assert [m.logical_uid for m in placed.measurements] == [42]
    assert process.stop() == 0


def test_it_waits_for_the_first_generation_and_stops_at_the_fence_of_newer_code(
    installation: Installation, tmp_path: Path
) -> None:
    kafka = installation.settings.kafka
    raw_log.write_raw(kafka, [json_record(n) for n in range(3)], partition=0)
    process = start(installation, tmp_path)
    eventually(lambda: "no generation has been opened yet" in process.log.read_text())
    assert readings(installation) == []
    raw_log.open_generation(kafka, 5)
    eventually(lambda: raw_log.committed(kafka) == {0: 3}, every=0.2)

    raw_log.open_generation(kafka, 6, fence=3, code="newer")
    eventually(lambda: "isthmus_generation_newest 6.0" in process.metrics(), timeout=5)
    raw_log.write_raw(kafka, [json_record(3)], partition=0)
    assert process.popen.wait(20 * PATIENCE) == 1
    assert "offset 3 is past the fence of generation 6, which is decoded by code newer" in process.log.read_text()
    assert [(r.raw_offset, r.generation) for r in readings(installation)] == [(0, 5), (1, 5), (2, 5)]


def test_it_refuses_a_hole_in_the_log(installation: Installation, tmp_path: Path) -> None:
    kafka = installation.settings.kafka
    raw_log.open_generation(kafka)
    raw_log.write_raw(kafka, [json_record(n) for n in range(10)], partition=0)
    raw_log.commit(kafka, {0: 4})
    raw_log.delete_before(kafka, {0: 7})
    process = start(installation, tmp_path, wait=False)
    assert process.popen.wait(20 * PATIENCE) == 1
    assert "partition 0: offsets 4 to 6 were deleted before they were handled" in process.log.read_text()
    assert readings(installation) == []


def test_it_waits_for_kafka_and_still_stops_when_told(installation: Installation, tmp_path: Path) -> None:
    away = installation.with_settings(kafka={"bootstrap_servers": f"127.0.0.1:{free_port()}"})
    process = start(away, tmp_path, wait=False)
    eventually(lambda: process.log.exists() and "waiting for Kafka" in process.log.read_text())
    assert process.stop() == 0
