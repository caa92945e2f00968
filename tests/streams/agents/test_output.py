"""What a batch becomes: topics, keys, dead letters of what cannot be read or sent."""

from streams import avro
from streams.agents.output import Output, raw_records
from streams.core.outcome import Outcome
from streams.core.records import DeadLetter, DeviceEvent, Lineage, Measurement, RawRecord, Reading
from tests.streams.agents.test_batch import Record

RAW = RawRecord(id="id-1", source="json", transport="mqtt", address="json/a", received_at=9, payload=b"{}")
LARGE = 10_000


def reading(device: str, text: str) -> Reading:
    return Reading(
        id="x", device=device, source="json", correlation_id="id-1", received_at=9, time=9, raw_partition=2,
        raw_offset=7, index=1, generation=1, decoder="json@1", codec=None, mapping_position=-1, physical_uid=None,
        source_ids={}, measurements=[Measurement("t", "", 9, None, text)],
    )  # fmt: skip


def output() -> Output:
    return Output(max_bytes=LARGE, passes=lambda event: event.at > 5)


def test_it_sends_readings_by_device_and_dead_letters_by_the_raw_key() -> None:
    made = output()
    letter = DeadLetter(stage="normalise", reason="nan", detail="", raw_partition=2, raw_offset=7, at=9)
    made.add(RAW, Lineage(2, 7), b"k", Outcome(readings=[reading("json:a", "ok")], dead_letters=[letter]))
    assert [(r.topic, r.key) for r in made.records] == [("readings", "json:a"), ("dead-letters", b"k")]
    assert avro.decode(made.records[1].value, DeadLetter) == letter


def test_it_sends_only_the_events_that_pass() -> None:
    made = output()
    events = [DeviceEvent(kind="seen", device=f"json:{at}", source="json", at=at) for at in (1, 9)]
    made.add(RAW, Lineage(2, 7), None, Outcome(events=events))
    assert [(r.topic, r.key) for r in made.records] == [("device-events", "json:9")]


def test_it_makes_a_dead_letter_of_a_reading_that_kafka_would_refuse() -> None:
    made = output()
    outcome = Outcome(readings=[reading("json:a", "x" * LARGE), reading("json:b", "ok")])
    made.add(RAW, Lineage(2, 7), b"k", outcome)
    assert [(r.topic, r.key) for r in made.records] == [("dead-letters", b"k"), ("readings", "json:b")]
    letter = avro.decode(made.records[0].value, DeadLetter)
    assert (letter.stage, letter.reason, letter.raw_partition, letter.raw_offset) == ("send", "too-large", 2, 7)
    assert (letter.index, letter.device, letter.correlation_id) == (1, "json:a", "id-1")


def test_it_makes_a_dead_letter_of_bytes_that_are_no_raw_record_and_goes_on() -> None:
    made, good = output(), Record(8, 0, b"k", avro.encode(RAW))
    assert raw_records(2, [Record(7, 3, b"bad", b"rubbish"), good], {}, made) == [(RAW, good)]
    assert [(r.topic, r.key) for r in made.records] == [("dead-letters", b"bad")]
    letter = avro.decode(made.records[0].value, DeadLetter)
    assert (letter.stage, letter.reason, letter.raw_offset, letter.at) == ("avro", "not-avro", 7, 3_000_000)


def test_it_treats_a_record_without_value_as_no_avro() -> None:
    made = output()
    assert raw_records(2, [Record(7)], {}, made) == []
    assert avro.decode(made.records[0].value, DeadLetter).reason == "not-avro"
