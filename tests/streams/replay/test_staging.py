"""Staged columns are what live decoding gives the store: same bytes, same mapping, same rows."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from streams import pipeline
from streams.core.codec_record import Codec
from streams.core.decode import decode
from streams.core.identity import row_version, series_id
from streams.core.place import place
from streams.core.records import DeviceMapping, Interval, Lineage, Pause, RawRecord
from streams.replay.job import Mode
from streams.replay.runs import Runs
from streams.replay.selection import Selection
from streams.replay.staging import Stager, as_of, merge
from streams.replay.store import Staged
from streams.replay.task import Registry, Task, Tried
from streams.settings import Settings
from tests.contracts.test_decoder import json_values, twisted
from tests.streams.replay.staging import NOON, chunk, generation, raw, rows, rows_of_the_sink
from tests.test_vectors import CASES, raw_record

SETTINGS = Settings()
MAPPING = DeviceMapping(
    device="json:a",
    physical_uid=1,
    intervals=[Interval(7, NOON - 100, NOON, [Pause(NOON - 50, NOON - 40)]), Interval(8, NOON)],
)
SENSOR = replace(MAPPING, device="vibration:S-1")
REGISTRY = Registry(
    mappings={"json:a": MAPPING, "vibration:S-1": SENSOR}, generations=(generation(3), generation(4, fence=100))
)


def task(**more: Any) -> Task:
    given: dict[str, Any] = {"settings": SETTINGS, "selection": Selection(), "mode": Mode.DECODE} | more
    return Task(**given)


def staged(*records: RawRecord | bytes, first: int = 0, registry: Registry = REGISTRY, **more: Any) -> Staged:
    return Stager(task(**more), registry).stage(chunk(records, first))


def body(values: dict[str, object], device: str = "a", time: int = NOON // 10**9) -> RawRecord:
    return raw(json.dumps({"device": device, "time": time, "values": values}).encode())


T = body({"t": 1.5})
SERIES = series_id("json:a", "t")


def is_as_the_sink_would_have_it(of: Settings, records: list[RawRecord | bytes], first: int = 0) -> None:
    one, context = chunk(records, first), pipeline.context(of.decode, REGISTRY.mappings.get)
    made = Stager(task(settings=of), REGISTRY).stage(one)
    expected, readings = rows_of_the_sink(of, context, REGISTRY.generations, one)

    assert rows(made) == expected
    assert made.codec == [r.codec or r.decoder for r in readings for _ in r.measurements]
    assert [codec for _, codec in made.runs] == [r.codec or r.decoder for r in readings for _ in r.blocks]
    assert (made.records, made.readings) == (len(records), len(readings))
    assert list(made.selected) == [(1, first, first + len(records) - 1)]


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_rows_of_every_vector_are_those_of_its_readings(path: Path) -> None:
    case = json.loads(path.read_text("utf-8"))
    record = raw_record(path.parent.name, case["record"])

    is_as_the_sink_would_have_it(Settings(decode=case.get("settings", {})), [record], first=99)


@settings(max_examples=60, deadline=None)
@given(values=st.dictionaries(st.text(max_size=8), json_values, max_size=6), first=st.sampled_from([0, 98]))
def test_rows_of_any_values_are_those_of_their_readings(values: dict[str, object], first: int) -> None:
    is_as_the_sink_would_have_it(SETTINGS, [T, body(values), b"no record", body({"t": 1}, "b")], first)


@pytest.mark.parametrize("source", ["chirpstack", "json", "ttn", "vibration", "wombat", "ydoc"])
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_rows_of_any_twisted_body_are_those_of_its_readings(source: str, data: st.DataObject) -> None:
    is_as_the_sink_would_have_it(SETTINGS, [data.draw(twisted(source)) for _ in range(3)])


samples = st.tuples(
    st.integers(-120, 120).map(NOON.__add__) | st.sampled_from([0, NOON + 3601 * 10**9]),
    st.floats() | st.sampled_from(["clipped", None]),
)


def batch(told: list[tuple[int, Any]], serial: str = "S-1") -> RawRecord:
    """Samples of a sensor; times in ns."""
    day = datetime(2026, 11, 2, 12, tzinfo=UTC)
    assert round(day.timestamp()) * 10**9 == NOON
    body = [
        {
            "SerialNumber": serial,
            "Timestamp": f"{day + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}.{ns:09}Z",
            "Value": value,
        }
        for time, value in told
        for seconds, ns in [divmod(time - NOON, 10**9)]
    ]
    return raw(json.dumps(body).encode(), "vibration")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(samples, min_size=1, max_size=12), min_size=1, max_size=3))
def test_rows_of_any_batches_are_those_of_their_readings(told: list[list[tuple[int, Any]]]) -> None:
    is_as_the_sink_would_have_it(SETTINGS, [T, *map(batch, told), batch([(NOON, 1.0)], "S-2")], first=98)


def test_a_batch_is_cut_selected_and_refused_as_its_reading_is() -> None:
    one = batch([(NOON - 60, 1.0), (NOON - 45, 2.0), (NOON, 3.0)])

    made = staged(one)
    assert [(run.logical_uid, run.value.tolist(), codec) for run, codec in made.runs] == [
        (7, [1.0], "vibration@1"), (0, [2.0], "vibration@1"), (8, [3.0], "vibration@1"),
    ]  # fmt: skip
    assert (made.rows, made.readings) == (3, 1)
    assert staged(one, selection=Selection(logical=(8,))).rows == 3
    assert staged(one, selection=Selection(logical=(9,))).rows == 0
    assert staged(one, selection=Selection(time_until=NOON - 60)).rows == 0
    assert staged(one, selection=Selection(time_from=NOON)).rows == 3
    is_as_the_sink_would_have_it(Settings(kafka={"max_record_bytes": 2_000}), [batch([(NOON, 1.0)])])
    small = Stager(task(settings=Settings(kafka={"max_record_bytes": 1_200})), REGISTRY).stage(chunk([one]))
    assert ([letter.reason for letter in small.dead_letters], small.rows) == (["too-large"], 0)


def test_what_is_refused_or_left_out_is_told_as_decoding_tells_it() -> None:
    records = [
        body({"t": None, "u": "x" * 2000}),
        raw(b"{"),
        raw(b"", "nobody"),
        raw(b'{"values":{"t":1}}', received_at=0),
    ]
    context = pipeline.context(SETTINGS.decode, REGISTRY.mappings.get)
    outcomes = [decode(record, Lineage(1, n), 3, context) for n, record in enumerate(records)]

    made = staged(*records)

    assert made.dead_letters == [letter for outcome in outcomes for letter in outcome.dead_letters]
    assert {letter.reason for letter in made.dead_letters} == {
        "text-too-long", "bad-json", "unknown-source", "time-out-of-range",
    }  # fmt: skip
    assert made.ignored == sum(len(outcome.ignored) for outcome in outcomes) == 1


def test_bytes_that_are_no_record_become_the_decode_agents_dead_letter() -> None:
    made = staged(T, b"\xc3\x01nothing", b"")

    assert [(d.stage, d.reason, d.raw_partition, d.raw_offset, d.at) for d in made.dead_letters] == [
        ("avro", "unknown-schema", 1, 1, NOON + 1_000_000),
        ("avro", "not-avro", 1, 2, NOON + 2_000_000),
    ]
    assert list(made.selected) == [(1, 0, 2)]


def test_a_reading_that_kafka_refused_has_no_rows() -> None:
    small = Settings(kafka={"max_record_bytes": 2_000})
    records = [T, body({f"name-{n}": n for n in range(60)})]

    is_as_the_sink_would_have_it(small, [T], first=5)
    made = Stager(task(settings=small), REGISTRY).stage(chunk(records))
    assert [row[:2] for row in rows(made)] == [(SERIES, NOON)]
    assert [(d.stage, d.reason, d.raw_offset, d.device) for d in made.dead_letters] == [
        ("send", "too-large", 1, "json:a")
    ]


WRONG = """
from streams.core.message import Message, Sender, Value

class Wrong:
    name, version = "json", 2

    def key(self, record): ...

    def open(self, record):
        who = Sender(device="json:a", source_ids={})
        return [Message(sender=who, time=TIME, values=[Value("t", VALUE, record.received_at)])]

DECODER = Wrong()
"""


@pytest.mark.parametrize(("time", "value", "stored"), [
    ("record.received_at", "1.5", True),
    ("record.received_at / 3", "1.5", True),
    ("None", "1.5", False),
    ("record.received_at", "'\\ud800'", False),
    ("record.received_at", "'on'", True),
])  # fmt: skip
def test_a_candidates_mistakes_are_judged_as_the_decode_agent_would(
    tmp_path: Path, time: str, value: str, stored: bool
) -> None:
    path = tmp_path / "wrong.py"
    path.write_text(WRONG.replace("TIME", time).replace("VALUE", value), "utf-8")

    made = staged(T, tried=Tried(decoders=(("json", path),)))

    assert made.codec == ["json@2"] * stored
    assert [letter.reason for letter in made.dead_letters] == ["decoder-failed"] * (not stored)


def test_rows_have_the_generation_in_force_at_their_offset() -> None:
    assert staged(T, T, first=99).version == [row_version(3, 1, 99), row_version(4, 1, 100)]


def test_records_of_another_code_are_foreign_to_restoring_only() -> None:
    registry = replace(REGISTRY, generations=(generation(3, code="other"), generation(4, fence=100, code="other")))

    made = staged(T, T, first=99, registry=registry, mode=Mode.RESTORE)
    assert (made.version, made.foreign, list(made.selected)) == ([], 2, [])
    assert staged(T, T, first=99, registry=registry).version == [row_version(3, 1, 99), row_version(4, 1, 100)]


def test_restoring_never_writes_what_newer_code_makes_of_a_record() -> None:
    registry = replace(REGISTRY, generations=(generation(3, code="other"), generation(4, fence=100)))

    made = staged(T, T, first=99, registry=registry, mode=Mode.RESTORE)
    assert (made.version, made.foreign) == ([row_version(4, 1, 100)], 1)


def test_points_are_placed_by_the_mapping_of_their_time_or_of_the_moment_asked_for() -> None:
    before = body({"t": 1}, time=(NOON - 70) // 10**9)

    assert staged(T).logical_uid == [8]
    assert staged(raw(T.payload), mapping_as_of=NOON - 70).logical_uid == [7]
    assert staged(T, mapping_as_of=NOON - 45).logical_uid == [0]
    assert staged(T, before, mapping_as_of=NOON + 1).logical_uid == [8, 8]


@given(st.integers(-200, 200), st.integers(-200, 200))
def test_a_mapping_as_of_a_moment_places_every_time_alike(moment: int, time: int) -> None:
    assert place(as_of(MAPPING, NOON + moment), NOON + time) == place(MAPPING, NOON + moment)


A, B, DEAD = body({"t": 1, "u": 2}), body({"t": 1}, "b"), raw(b"{")


@pytest.mark.parametrize(("more", "offsets", "rows"), [
    ({}, [0, 1, 2], 3),
    ({"selection": Selection(devices=("json:b",))}, [1], 1),
    ({"selection": Selection(devices=("json:b",)), "stored": Runs([(1, 0, 0), (1, 2, 2)])}, [0, 1, 2], 3),
    ({"selection": Selection(logical=(8,))}, [0], 2),
    ({"selection": Selection(codecs=("lpp",))}, [], 0),
    ({"selection": Selection(codecs=("json",))}, [0, 1], 3),
    ({"selection": Selection(time_until=NOON)}, [], 0),
    ({"selection": Selection(sources=("ttn",))}, [], 0),
    ({"selection": Selection(offsets={"1": (1, 2)})}, [1], 1),
    ({"selection": Selection(offsets={"0": (0, 2)})}, [], 0),
    ({"wanted": Runs([(1, 2, 2)])}, [2], 0),
    ({"wanted": Runs([(1, 0, 1)]), "selection": Selection(devices=("json:a",))}, [0], 2),
])  # fmt: skip
def test_takes_records_as_a_whole_by_what_they_are_what_is_stored_and_what_they_become(
    more: dict[str, Any], offsets: list[int], rows: int
) -> None:
    made = staged(A, B, DEAD, **more)

    assert [o for _, first, last in made.selected for o in range(first, last + 1)] == offsets
    assert len(made.ts) == len(made.codec) == rows
    assert made.records == 3
    assert [d.raw_offset for d in made.dead_letters] == [2] * (2 in offsets)


def test_merging_is_staging_together() -> None:
    stager = Stager(task(), REGISTRY)
    sensor = batch([(NOON, 1.0), (NOON + 5, 2.0)])
    one, other = stager.stage(chunk([A, DEAD])), stager.stage(chunk([B, A, sensor], first=2))
    merge(one, other)
    together = stager.stage(chunk([A, DEAD, B, A, sensor]))

    assert rows(one) == rows(together)
    assert one.rows == 7
    assert list(one.selected) == list(together.selected)
    assert one.names == together.names
    assert (one.records, one.readings, len(one.dead_letters)) == (5, 4, 1)


def test_a_series_is_told_by_its_latest_record_and_first_seen_by_its_earliest() -> None:
    stager = Stager(task(), REGISTRY)
    late = stager.stage(chunk([replace(T, received_at=NOON + 9)]))
    merge(late, stager.stage(chunk([T], first=5)))

    name = late.names[SERIES]
    assert (name.device, name.name, name.source) == ("json:a", "t", "json")
    assert (name.first_seen, name.partition, name.offset) == (NOON, 1, 5)


def test_no_records_are_no_rows() -> None:
    assert rows(staged()) == []


def uplink(payload: str, second: int) -> RawRecord:
    """Of the application `tanks`; the network server decoded nothing."""
    ids = {"device_id": "t", "application_ids": {"application_id": "tanks"}, "dev_eui": "70B3D57ED0051A2B"}
    told = {"f_port": 1, "frm_payload": payload, "received_at": f"2026-11-01T12:00:{second:02}Z"}
    return raw(json.dumps({"end_device_ids": ids, "uplink_message": told}).encode(), source="ttn")


TANK = Codec(
    name="tank",
    hash="ab" * 32,
    language="javascript",
    code="function decodeUplink(i) { if (!i.bytes[0]) throw Error('empty'); return {data: {level: i.bytes[0] / 5}}; }",
    applies_to=["application:tanks"],
)


def test_a_codec_that_is_tried_reads_what_no_codec_has_read_and_what_it_fails_on_is_chosen_too() -> None:
    chosen = Selection(codecs=("tank",))
    records = [uplink("Cg==", 1), T, uplink("AA==", 2)]  # 10, another source, 0
    made = staged(*records, tried=Tried(codecs=(TANK,)), selection=chosen)

    assert (made.value, made.codec) == ([2.0], ["tank@abababababab"])
    assert [(letter.reason, letter.raw_offset) for letter in made.dead_letters] == [("codec-threw", 2)]
    assert list(made.selected) == [(1, 0, 0), (1, 2, 2)]


def test_a_codec_that_is_tried_stands_in_for_the_registered_one() -> None:
    old = replace(TANK, hash="cd" * 32, code=TANK.code.replace("/ 5", "/ 2"))
    registry = replace(REGISTRY, codecs=(old,))

    assert staged(uplink("Cg==", 1), registry=registry).value == [5.0]
    assert staged(uplink("Cg==", 1), registry=registry, tried=Tried(codecs=(TANK,))).value == [2.0]
    other = replace(TANK, name="other")
    assert staged(uplink("Cg==", 1), registry=registry, tried=Tried(codecs=(other,))).codec == ["other@abababababab"]


def test_a_failing_codec_is_no_reason_to_choose_a_record_by_its_device() -> None:
    chosen = Selection(devices=("ttn:70b3d57ed0051a2b",))

    assert list(staged(uplink("AA==", 2), tried=Tried(codecs=(TANK,)), selection=chosen).selected) == []
