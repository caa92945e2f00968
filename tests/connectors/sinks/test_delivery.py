from collections.abc import Sequence
from threading import Event

import pytest

from connectors.sinks.base import Record, Rejection, Transient
from connectors.sinks.dead_letters import DeadLetters
from connectors.sinks.delivery import Abandoned, Delivery, SinkFailed
from connectors.sinks.lineages import Lineages
from streams.core.records import Lineage, Reading
from streams.settings import KafkaSettings
from tests.connectors.sinks.making import reading, record


class Letters(DeadLetters):
    """Keeps what it was given."""

    def __init__(self) -> None:
        super().__init__(KafkaSettings(), "listed")
        self.kept: list[tuple[int, str]] = []

    def write(self, rejected: object) -> None:
        self.kept += [(record.offset, rejection.reason) for record, rejection in rejected]  # type: ignore[attr-defined]  # a generator of pairs


class ListSink:
    """Keeps offsets; fails as told."""

    name = "listed"
    topics: tuple[str, ...] = ("readings",)
    batch_records = 10
    batch_s = 1.0

    def __init__(self, *, poison: set[int] | None = None, away: int = 0, once: bool = False) -> None:
        self.poison, self.away, self.once_by_lineage = poison or set(), away, once
        self.stored: set[int] = set()
        self.given: list[int] = []

    def write(self, batch: Sequence[Record]) -> list[Rejection]:
        if self.away:
            self.away -= 1
            raise Transient("away", 0.001)
        if any(r.offset in self.poison for r in batch):
            raise ZeroDivisionError("poison")
        self.stored |= {r.offset for r in batch}
        self.given += [r.offset for r in batch]
        return [Rejection(i, "odd", "") for i, r in enumerate(batch) if r.value == b"odd"]

    def close(self) -> None:
        pass


def delivery(sink: ListSink, abandon: Event | None = None) -> tuple[Delivery, Letters, list[str | None]]:
    letters, faults = Letters(), list[str | None]()
    return Delivery(sink, letters, abandon or Event(), faults.append), letters, faults


def numbered(count: int) -> list[Record]:
    return [record(b"x", offset) for offset in range(count)]


def test_buries_the_poison_and_delivers_its_neighbours() -> None:
    sink = ListSink(poison={3, 17})
    deliver, letters, _ = delivery(sink)
    deliver.deliver(numbered(50))
    assert sink.stored == set(range(50)) - {3, 17}
    assert letters.kept == [(3, "sink-failed"), (17, "sink-failed")]


def test_keeps_the_index_of_rejections_when_halves_are_written() -> None:
    deliver, letters, _ = delivery(ListSink(poison={0}))
    deliver.deliver([*numbered(5), record(b"odd", 5), record(b"x", 6)])
    assert letters.kept == [(0, "sink-failed"), (5, "odd")]


@pytest.mark.parametrize("count", [1, 2, 15, 16, 40])
def test_blames_itself_when_no_record_passes(count: int) -> None:
    deliver, letters, _ = delivery(ListSink(poison=set(range(count))))
    with pytest.raises(SinkFailed):
        deliver.deliver(numbered(count))
    assert letters.kept == []


def test_offers_the_same_batch_until_the_outside_is_back_and_says_so() -> None:
    sink = ListSink(away=1)
    deliver, _, faults = delivery(sink)
    deliver.deliver(numbered(3))
    assert sink.given == [0, 1, 2]
    assert faults == ["away", None]


def test_gives_up_between_attempts_when_told() -> None:
    abandon = Event()
    abandon.set()
    deliver, _, _ = delivery(ListSink(away=10**9), abandon)
    with pytest.raises(Abandoned, match="away"):
        deliver.deliver(numbered(3))


def test_who_gave_up_says_no_longer_that_it_waits() -> None:
    """Its partitions may never come back: it was never ready again, and excused whatever stood still."""
    abandon, faults = Event(), list[str | None]()

    def told(fault: str | None) -> None:
        faults.append(fault)
        abandon.set()

    deliver = Delivery(ListSink(away=10**9), Letters(), abandon, told)
    with pytest.raises(Abandoned, match="away"):
        deliver.deliver(numbered(3))
    assert faults == ["away", None]


def test_drops_repeats_by_lineage_for_sinks_that_ask() -> None:
    sink = ListSink(once=True)
    deliver, _, _ = delivery(sink)
    first = [record(reading(offset=offset), offset) for offset in range(4)]
    again = [record(reading(offset=offset), offset + 4) for offset in range(2, 6)]
    deliver.deliver(first)
    deliver.deliver(again)
    assert sink.given == [0, 1, 2, 3, 8, 9]
    assert not delivery(sink)[0].lineages


def test_what_was_given_up_is_no_repeat_when_it_comes_again() -> None:
    """What is known is told with commits, and the last one of a stopping sink may be of the batch before."""
    abandon = Event()
    sink = ListSink(once=True)
    deliver, _, _ = delivery(sink, abandon)
    deliver.deliver([record(reading(offset=0), 0)])
    before = {position: known.dump() for position, known in deliver.lineages.items()}
    abandon.set()
    sink.away = 1

    with pytest.raises(Abandoned):
        deliver.deliver([record(reading(offset=1), 1)])

    assert {position: known.dump() for position, known in deliver.lineages.items()} == before
    abandon.clear()
    deliver.deliver([record(reading(offset=1), 1)])
    assert sink.given == [0, 1]


def test_who_is_told_to_give_up_while_it_waits_makes_no_attempt_more() -> None:
    """The outside may have come back, and take long for all of it."""
    abandon, sink = Event(), ListSink(away=1)
    deliver = Delivery(sink, Letters(), abandon, lambda _: abandon.set())

    with pytest.raises(Abandoned, match="away"):
        deliver.deliver(numbered(3))

    assert sink.given == []


@pytest.mark.parametrize(
    "impossible",
    [
        reading(partition=256),
        reading(offset=1 << 38),
        reading(index=1 << 18),
        reading(partition=-1),
        reading(offset=-1),
    ],
    ids=["partition", "offset", "index", "no partition", "no offset"],
)
def test_a_reading_that_no_raw_record_can_have_given_is_passed_on_to_be_rejected(impossible: Reading) -> None:
    """Remembered it could not be committed, and the process ended at each start; too high an offset made all that came later repeats."""
    sink = ListSink(once=True)
    deliver, _, _ = delivery(sink)

    deliver.deliver([record(reading(offset=1), 0), record(impossible, 1), record(reading(offset=2), 2)])

    assert sink.given == [0, 1, 2]
    assert [known.dump() for known in deliver.lineages.values()] == [Lineages({0: Lineage(0, 2)}).dump()]


def test_passes_what_is_no_reading_on_to_be_rejected() -> None:
    sink = ListSink(once=True)
    deliver, letters, _ = delivery(sink)
    deliver.deliver([record(b"odd", 0), record(b"odd", 1)])
    assert letters.kept == [(0, "odd"), (1, "odd")]
