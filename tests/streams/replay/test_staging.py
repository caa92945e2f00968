"""Staged columns are what live decoding gives the store: same bytes, same mapping, same rows."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams import pipeline
from streams.core.decode import decode
from streams.core.records import Lineage, RawRecord
from streams.replay.selection import Selection
from streams.replay.staging import Stager
from streams.replay.task import Tried
from streams.settings import Settings
from tests.contracts.test_decoder import json_values, twisted
from tests.streams.replay.staging import (
    NOON,
    REGISTRY,
    SERIES,
    SETTINGS,
    T,
    batch,
    body,
    chunk,
    raw,
    rows,
    rows_of_the_sink,
    staged,
    task,
)
from tests.test_vectors import CASES, raw_record


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
