"""What a selection takes, against each criterion asked by itself."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.records import Block, Measurement, RawRecord, Reading
from streams.replay.selection import Selection

NOON = 1_793_620_800_000_000_000
optional_times = st.none() | st.integers(0, 9)
offsets = st.dictionaries(st.sampled_from("012"), st.tuples(st.integers(0, 5), st.integers(0, 9)), max_size=2)


def raw(source: str = "json", received_at: int = NOON) -> RawRecord:
    return RawRecord(id="", source=source, transport="mqtt", address="", received_at=received_at, payload=b"")


def reading(
    *measurements: Measurement, device: str = "json:a", codec: str | None = None, blocks: tuple[Block, ...] = ()
) -> Reading:
    return Reading(
        id="", device=device, source="json", correlation_id="", received_at=NOON, time=NOON, raw_partition=0,
        raw_offset=0, index=0, generation=1, decoder="json@1", codec=codec, mapping_position=-1, physical_uid=None,
        source_ids={}, measurements=list(measurements), blocks=list(blocks),
    )  # fmt: skip


def at(time: int, logical_uid: int | None = None) -> Measurement:
    return Measurement("t", "", time, 1.0, None, 0, logical_uid)


@given(
    selection=st.builds(
        Selection,
        sources=st.lists(st.sampled_from(["json", "ttn"])).map(tuple),
        received_from=optional_times,
        received_until=optional_times,
        offsets=offsets,
    ),
    record=st.builds(raw, st.sampled_from(["json", "ttn"]), st.integers(0, 9)),
    partition=st.integers(0, 2),
    offset=st.integers(0, 9),
)
def test_takes_a_record_when_every_criterion_of_records_holds(
    selection: Selection, record: RawRecord, partition: int, offset: int
) -> None:
    asked = selection.offsets.get(str(partition))
    criteria = [
        record.source in (selection.sources or ("json", "ttn")),
        selection.received_from is None or selection.received_from <= record.received_at,
        selection.received_until is None or record.received_at < selection.received_until,
        offset in range(*asked) if asked else not selection.offsets,
    ]

    assert selection.takes_record(record, partition, offset) == all(criteria)


@pytest.mark.parametrize(("selection", "takes"), [
    (Selection(), True),
    (Selection(devices=("json:a",)), True),
    (Selection(devices=("json:b",)), False),
    (Selection(codecs=("lpp",)), True),
    (Selection(codecs=("ttn",)), False),
    (Selection(logical=(7,)), True),
    (Selection(logical=(8,)), False),
    (Selection(time_from=NOON + 1), True),
    (Selection(time_from=NOON + 2), False),
    (Selection(time_until=NOON), False),
    (Selection(time_until=NOON + 1), True),
    (Selection(logical=(7,), time_until=NOON + 1), False),
    (Selection(devices=("json:a",), codecs=("json",)), False),
])  # fmt: skip
def test_takes_a_reading_when_one_point_fits_all_that_is_asked_of_points(selection: Selection, takes: bool) -> None:
    assert selection.takes_reading(reading(at(NOON), at(NOON + 1, 7), codec="lpp@1")) == takes


def test_knows_a_reading_without_a_codec_by_its_decoder() -> None:
    assert Selection(codecs=("json",)).takes_reading(reading(at(NOON)))


def test_takes_a_block_when_one_of_its_points_fits() -> None:
    block = Block(name="x", unit="", start=NOON, period=10, values=bytes(24))

    assert Selection(time_from=NOON + 20).takes_reading(reading(blocks=(block,)))
    assert not Selection(time_from=NOON + 21).takes_reading(reading(blocks=(block,)))


@pytest.mark.parametrize(("selection", "takes"), [
    (Selection(), True),
    (Selection(offsets={"1": (5, 6)}), True),
    (Selection(offsets={"1": (6, 7)}), False),
    (Selection(sources=("json",)), False),
    (Selection(received_from=0), False),
    (Selection(devices=("json:a",)), False),
])  # fmt: skip
def test_takes_bytes_that_are_no_record_only_by_their_place(selection: Selection, takes: bool) -> None:
    assert selection.takes_unreadable(1, 5) == takes


def test_refuses_a_criterion_that_there_is_not() -> None:
    with pytest.raises(msgspec.ValidationError, match="devcies"):
        msgspec.json.decode(b'{"devcies":["a"]}', type=Selection)
