"""What births define is kept as long as it is asked for, and takes a bounded room."""

from streams.core.message import Rejected
from streams.decoders.wire.sparkplug_metrics import METRIC_ROOM, Definition, Definitions, Known
from tests import sparkplug


def birth(number: int, metrics: int = 3) -> bytes:
    told = [sparkplug.metric(f"m{n}", alias=n, datatype=10, unit="V") for n in range(metrics)]
    return sparkplug.payload(told, sparkplug.MS + number)


SIZE = len(birth(0)) + 4 * METRIC_ROOM


def test_a_node_that_is_born_again_and_again_does_not_fill_the_memory() -> None:
    """3,000 metrics are 30 kB and take a megabyte when read: two thousand births took two gigabytes."""
    known = Known(10 * SIZE)
    defined = [Definition(f"m{n}", 10, "V") for n in range(3)]
    for number in range(1_000):
        assert known.of(birth(number)) == Definitions({one.name: one for one in defined}, dict(enumerate(defined)))
    assert known.taken == 10 * SIZE


def test_what_is_asked_for_stays_and_is_read_once() -> None:
    known = Known(10 * SIZE)
    first = known.of(birth(0))
    for number in range(1, 1_000):
        known.of(birth(number))
        assert known.of(birth(0)) is first


def test_what_cannot_be_read_or_is_larger_than_the_room_is_answered_all_the_same() -> None:
    known = Known(1)
    assert isinstance(known.of(b"\xff\xff"), Rejected)
    found = known.of(birth(0))
    assert isinstance(found, Definitions)
    assert list(found.by_alias) == [0, 1, 2]
    assert known.taken == 0
