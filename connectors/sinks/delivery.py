"""One batch into a sink: repeats dropped, passing faults waited out, poison told apart, rejections buried.

What happens on an error:
- ``Transient``: the same batch again, with exponential back-off and jitter (or when the outside said), for ever.
- a rejection: a dead letter, durable before the batch counts as delivered.
- ``ReadAgain`` ends the process.
- anything else is a bug in the sink. The batch is halved until the records that cause it stand alone; they become dead
  letters (``sink-failed``) so that no record can stop a partition. When no record of the batch can be written the
  records are not to blame: ``SinkFailed`` ends the process, nothing is committed, and a supervisor tries again.
"""

from collections.abc import Callable, Sequence
from threading import Event
from typing import TypeVar

from msgspec import structs
from tenacity import RetryCallState, Retrying, retry_if_exception_type
from tenacity.wait import wait_exponential, wait_random

from connectors.sinks.base import Once, ReadAgain, Record, Rejection, Sink, Transient
from connectors.sinks.dead_letters import DeadLetters
from connectors.sinks.lineages import Lineages, lineage_of
from streams import avro, log, metrics, progress
from streams.core.records import Lineage, Reading
from streams.kafka import Undelivered

SINK_FAILED = "sink-failed"
BLAMELESS = 16
"""so many records failing one after the other, and none passing: the records are not to blame"""

T = TypeVar("T")
Fault = Callable[[str | None], None]
"""Is told what is wrong outside, and None when it is over."""

logger = log.get(__name__)
_backoff = wait_exponential(multiplier=0.25, max=30) + wait_random(0, 0.25)


class Abandoned(Exception):
    """The batch was given up between two attempts, because its partitions go elsewhere or the process ends."""


class SinkFailed(Exception):
    """A bug of ours: no record of the batch can be written."""


class Delivery:
    """Delivers batches, one at a time. ``abandon`` ends the waiting between attempts."""

    def __init__(self, sink: Sink, dead_letters: DeadLetters, abandon: Event, fault: Fault) -> None:
        self._sink, self._dead_letters, self._abandon, self._fault = sink, dead_letters, abandon, fault
        self._detail = ""
        self._once = isinstance(sink, Once) and sink.once_by_lineage
        self.lineages: dict[tuple[str, int], Lineages] = {}

    def deliver(self, batch: Sequence[Record]) -> None:
        """Return when every record is written, buried, or was a repeat.

        Raises:
            Abandoned: it was given up; nothing of it may be committed.
            SinkFailed: the process has to end.
        """
        fresh, known = self._admitted(batch) if self._once else (batch, {})
        rejections = _Isolation(self._write, len(fresh)).write(fresh) if fresh else []
        if rejections:
            self._retrying(lambda: self._dead_letters.write((fresh[r.index], r) for r in rejections))
        self.lineages |= known
        for topic in {record.topic for record in fresh}:
            count = sum(record.topic == topic for record in fresh)
            metrics.SINK_RECORDS.labels(self._sink.name, topic).inc(count)

    def _write(self, batch: Sequence[Record]) -> Sequence[Rejection]:
        with metrics.SINK_SECONDS.labels(self._sink.name).time():
            rejections = self._retrying(lambda: self._sink.write(batch))
        progress.HERE.beat()
        return rejections

    def _retrying(self, work: Callable[[], T]) -> T:
        retrying = Retrying(
            retry=retry_if_exception_type((Transient, Undelivered)),
            wait=_wait,
            sleep=self._rest,
            before_sleep=self._report,
        )
        try:
            result: T = retrying(work)
        except Abandoned:
            self._fault(None)  # who has nothing to do any more waits for nobody
            raise
        self._fault(None)
        return result

    def _rest(self, seconds: float) -> None:
        """Not for an attempt more: it would be a whole one, which nobody interrupts any more."""
        if self._abandon.wait(seconds):
            raise Abandoned(self._detail)

    def _report(self, state: RetryCallState) -> None:
        detail = self._detail = str(_error(state))
        metrics.SINK_RETRIES.labels(self._sink.name).inc()
        logger.warning(
            "batch-waits", attempt=state.attempt_number, detail=detail, next_in_s=round(state.upcoming_sleep, 1)
        )
        self._fault(detail)

    def _admitted(self, batch: Sequence[Record]) -> tuple[list[Record], dict[tuple[str, int], Lineages]]:
        """What is no repeat, and what is known once all of it is written.

        Not before: a commit of the batch before would tell it, and what is given up would be a repeat for who goes on.
        """
        places = {(record.topic, record.partition) for record in batch}
        known = {place: self.lineages.get(place, Lineages()).copy() for place in places}
        return [record for record in batch if _is_news(record, known[record.topic, record.partition])], known


class _Isolation:
    """Writes a batch; on a bug, its halves, down to the records that cause it."""

    def __init__(self, write: Callable[[Sequence[Record]], Sequence[Rejection]], size: int) -> None:
        self._write, self._size = write, size
        self._passed = False
        self._failed = 0

    def write(self, batch: Sequence[Record]) -> list[Rejection]:
        try:
            rejections = list(self._write(batch))
        except (Abandoned, ReadAgain):
            raise
        except Exception as error:  # noqa: BLE001 - a bug in a sink must not let one record stop a partition
            return self._halves(batch, error)
        self._passed = True
        return rejections

    def _halves(self, batch: Sequence[Record], error: Exception) -> list[Rejection]:
        if len(batch) == self._size:
            logger.exception("sink-failed", records=len(batch))
        if len(batch) == 1:
            return [self._culprit(error)]
        middle = len(batch) // 2
        front, back = self.write(batch[:middle]), self.write(batch[middle:])
        return front + [structs.replace(r, index=r.index + middle) for r in back]

    def _culprit(self, error: Exception) -> Rejection:
        self._failed += 1
        if not self._passed and self._failed >= min(self._size, BLAMELESS):
            raise SinkFailed(f"{self._failed} record(s) failed and none passed") from error
        return Rejection(0, SINK_FAILED, f"{type(error).__name__}: {error}")


def _wait(state: RetryCallState) -> float:
    error = _error(state)
    asked = error.retry_after if isinstance(error, Transient) and error.retry_after else 0.0
    return max(asked, _backoff(state))


def _error(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None


def _is_news(record: Record, known: Lineages) -> bool:
    lineage = _lineage(record)
    return lineage is None or known.admit(lineage)


def _lineage(record: Record) -> Lineage | None:
    try:
        reading = avro.decode(record.value or b"", Reading)
    except avro.AvroError:
        return None  # the sink rejects it, as one without a lineage
    return lineage_of(reading)
