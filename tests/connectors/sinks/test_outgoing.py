"""What leaves for a block is what would leave for its points one by one."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from connectors.sinks.outgoing import Outgoing, messages, portions
from streams.core.block import made, points
from streams.core.records import DeviceMapping, Interval, Pause, Variable
from streams.settings import Settings
from tests.connectors.sinks.making import DEVICE, NOON, measured, reading, record

MAPPINGS = [
    None,
    DeviceMapping(device=DEVICE, physical_uid=3),
    DeviceMapping(
        device=DEVICE, physical_uid=3,
        intervals=[
            Interval(7, NOON - 20, NOON - 10),
            Interval(8, NOON - 5, NOON + 5, [Pause(NOON - 2, NOON), Pause(NOON + 3)], [Variable("v", "speed", 2.0, 1e308)]),
            Interval(7, NOON + 8, None, [], [Variable("v", drop=True), Variable("t", "temperature")]),
        ],
    ),
]  # fmt: skip


@settings(deadline=None)
@given(
    st.lists(st.integers(-25, 25), min_size=1, max_size=12, unique=True).map(sorted),
    st.sampled_from(["t", "v"]), st.sampled_from(MAPPINGS), st.floats(-1e308, 1e308),
)  # fmt: skip
def test_a_block_leaves_as_its_points_do(
    offsets: list[int], name: str, mapping: DeviceMapping | None, value: float
) -> None:
    times, values = np.array([NOON + offset for offset in offsets]), np.full(len(offsets), value)
    block = made(times, values, name=name, unit="C", quality=2, logical_uid=None)
    other = measured(5.0, "other")

    whole = messages(replace(reading(other), blocks=[block]), mapping)
    single = messages(replace(reading(other), measurements=[other, *points(block)]), mapping)

    assert [(m.physical_uid, m.logical_uid, m.measurements) for m in whole] == [
        (m.physical_uid, m.logical_uid, m.measurements) for m in single
    ]


def test_what_is_no_reading_of_a_raw_record_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Outgoing, "_await_mapping", lambda *_: None)
    batch = [record(b"x"), record(reading(partition=256)), record(reading(offset=-1, index=2)), record(reading())]

    opened, rejections = Outgoing(Settings(), ["other"]).open(batch)

    assert opened == [[], [], [], []]
    assert [(rejection.index, rejection.reason) for rejection in rejections] == [
        (0, "not-avro"), (1, "impossible-lineage"), (2, "impossible-lineage"),
    ]  # fmt: skip
    assert rejections[2].detail == "raw 0, offset -1, index 2"


@given(st.lists(st.integers(0, 9)), st.integers(1, 12))
def test_portions_are_the_batch_in_pieces_that_cannot_be_larger(sizes: list[int], limit: int) -> None:
    pieces = list(portions([record(b"x" * size, number) for number, size in enumerate(sizes)], limit))

    assert [index for piece in pieces for index in piece] == list(range(len(sizes)))
    for piece in pieces:
        assert piece
        assert len(piece) == 1 or sum(sizes[index] for index in piece) <= limit
    for piece, following in pairwise(pieces):
        assert sum(sizes[index] for index in piece) + sizes[following.start] > limit
