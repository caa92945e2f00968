"""The laws of every Sink. A test class names a ``bench``: how to open the sink, feed it, and see what it stored."""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from threading import Event

import pytest
from msgspec import Struct

from connectors.sinks.base import Record, Sink, Transient
from connectors.sinks.dead_letters import DeadLetters
from connectors.sinks.delivery import Delivery
from streams.settings import KafkaSettings


class Bench(Struct):
    """``good(n)`` is the n-th record, ``stored()`` counts what is outside by n, ``away`` takes the outside away."""

    open: Callable[[], Sink]
    good: Callable[[int], Record]
    stored: Callable[[], Counter[int]]
    away: Callable[[], AbstractContextManager[None]] | None = None
    bad: Callable[[int], Record] | None = None


def once(numbers: Sequence[int]) -> Counter[int]:
    """Each of them stored once."""
    return Counter(dict.fromkeys(numbers, 1))


class SinkLaws:
    """What holds for every implementation."""

    @pytest.fixture
    def bench(self) -> Bench:
        raise NotImplementedError

    def test_stores_the_same_batch_once(self, bench: Bench) -> None:
        sink = bench.open()
        deliver = Delivery(sink, DeadLetters(KafkaSettings(), sink.name), Event(), lambda _: None)
        for batch in (range(3), range(3), range(2, 5)):
            deliver.deliver([bench.good(number) for number in batch])
        sink.close()
        assert bench.stored() == once(range(5))

    def test_takes_an_empty_batch(self, bench: Bench) -> None:
        sink = bench.open()
        assert list(sink.write([])) == []
        sink.close()
        assert bench.stored() == once([])

    def test_can_be_closed_twice(self, bench: Bench) -> None:
        sink = bench.open()
        sink.write([bench.good(0)])
        sink.close()
        sink.close()


class DurableLaws(SinkLaws):
    """What holds for those whose outside remembers."""

    def test_stores_a_batch_once_though_its_writer_was_killed_before_the_commit(self, bench: Bench) -> None:
        for _ in range(2):
            sink = bench.open()
            sink.write([bench.good(number) for number in range(4)])
            sink.close()
        assert bench.stored() == once(range(4))

    def test_keeps_the_batch_while_the_outside_is_away(self, bench: Bench) -> None:
        assert bench.away
        sink = bench.open()
        batch = [bench.good(number) for number in range(3)]
        with bench.away(), pytest.raises(Transient):
            sink.write(batch)
        assert list(sink.write(batch)) == []
        sink.close()
        assert bench.stored() == once(range(3))


class RejectingLaws(SinkLaws):
    """What holds for those that read their records."""

    def test_rejects_a_bad_record_by_its_index_and_keeps_the_rest(self, bench: Bench) -> None:
        assert bench.bad
        sink = bench.open()
        (rejection,) = sink.write([bench.good(0), bench.bad(1), bench.good(2)])
        sink.close()
        assert (rejection.index, rejection.reason) == (1, "not-avro")
        assert bench.stored() == once([0, 2])
