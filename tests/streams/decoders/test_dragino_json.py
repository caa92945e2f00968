"""Buffered sets come again and again: which uplink comes last makes no difference."""

import json
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.core.message import Message
from streams.core.records import RawRecord
from streams.decoders.dragino_json import DECODER

MINUTE = 60


def text(seconds: int) -> str:
    """A time so long after 2025-09-11."""
    day, second = divmod(seconds, 86_400)
    return f"2025-09-{11 + day:02}T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z"


def uplink(counters: Sequence[int], upto: int, known: Sequence[bool], broken: frozenset[int]) -> RawRecord:
    """The uplink after set ``upto`` was measured: up to 32 sets, one each five minutes, the newest is "1"."""
    sets: dict[str, object] = {}
    for number, measured in enumerate(range(upto, max(upto - 32, -1), -1), start=1):
        time = text(measured * 5 * MINUTE) if known[measured] else "1970-01-01T00:10:00Z"
        sets[str(number)] = None if measured in broken else [0, 1, counters[measured], 0, 0, time]
    node = {"IMEI": "1", "Model": "CPL03-CB", "time": text(upto * 5 * MINUTE + 40), "count time1": counters[upto]}
    return RawRecord(
        id="1", source="dragino_json", transport="mqtt", address="dragino_up", received_at=0,
        payload=json.dumps(sets | node).encode(),
    )  # fmt: skip


@settings(deadline=None)
@given(
    counters=st.lists(st.integers(0, 20), min_size=2, max_size=40),
    data=st.data(),
)
def test_a_set_says_the_same_in_every_uplink_or_nothing(counters: list[int], data: st.DataObject) -> None:
    known = data.draw(st.lists(st.booleans(), min_size=len(counters), max_size=len(counters)))
    said: dict[int, set[float]] = {}
    for upto in range(len(counters)):
        broken = data.draw(st.frozensets(st.integers(0, len(counters) - 1), max_size=3))
        for part in DECODER.open(uplink(counters, upto, known, broken)):
            if isinstance(part, Message):
                for value in part.values or ():
                    if value.name == "pulse1":
                        said.setdefault(value.time, set()).add(value.value)
    assert all(len(values) == 1 for values in said.values())


def test_what_is_counted_over_uplinks_adds_up_to_the_counter() -> None:
    counters: list[int] = [3, 5, 5, 9, 2, 6]
    said: dict[int, float] = {}
    for upto in range(2, len(counters)):
        for part in DECODER.open(uplink(counters, upto, [True] * 6, frozenset())):
            assert isinstance(part, Message)
            said |= {v.time: v.value for v in part.values or () if v.name == "pulse1" and v.time % (300 * 10**9) == 0}
    assert list(said.values()) == [2, 0, 4, 2, 4]
