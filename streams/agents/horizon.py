"""Read back: what stands in ``readings`` before a worker's first record, so that its windows become covered.

Nothing is stored of a window, so a new owner reads the horizon again, in a thread of its own and without a group, while
it already folds what is new; sets merge. Until then it sends repairs.
"""

import threading
import time
from collections.abc import Iterator

import msgspec
from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from streams import avro, kafka, log
from streams.core.coverage import BEGINNING
from streams.core.fold import Unfoldable, Windows
from streams.core.records import Reading
from streams.core.window import Rule
from streams.settings import KafkaSettings

READ_AT_ONCE, READ_WITHIN_S, ANSWER_WITHIN_S = 1000, 0.05, 10
QUIET_S = 5.0
"""a client that gives nothing for so long, with something left, is asked whether it still has Kafka"""
BACK_OFF_S = 1.0
UNKNOWN = -1
MS = 1_000_000

logger = log.get("horizon")


class Stretch(msgspec.Struct, frozen=True):
    """Offsets of one ``readings`` partition before ``end``, which was appended at ``log_time`` ns."""

    partition: int
    end: int
    log_time: int


def read_back(
    settings: KafkaSettings, stretch: Stretch, rule: Rule, memory: int, halt: threading.Event
) -> Windows | None:
    """The windows of the horizon before ``stretch.end``; tries until Kafka gives it, or ``halt`` is set (None).

    ``memory``: bytes that they may take.
    """
    while not halt.is_set():
        try:
            return _attempt(settings, stretch, rule, memory, halt)
        except KafkaException as fault:
            logger.warning("reading back again", partition=stretch.partition, fault=str(fault))
            halt.wait(BACK_OFF_S)
    return None


def _attempt(
    settings: KafkaSettings, stretch: Stretch, rule: Rule, memory: int, halt: threading.Event
) -> Windows | None:
    """With a client of its own. One that has not given everything may have lost Kafka, so nobody waits for its end."""
    reader, found = kafka.consumer(settings, None), None
    try:
        found = _read(reader, kafka.topic(settings, "readings"), stretch, rule, memory, halt)
    finally:
        kafka.let_go(reader) if found is None else reader.close()
    return found


def _read(
    reader: Consumer, topic: str, stretch: Stretch, rule: Rule, memory: int, halt: threading.Event
) -> Windows | None:
    start, expected, covered_from = _begin(reader, topic, stretch, rule.horizon(stretch.log_time))
    windows, place = Windows(rule, covered_from), TopicPartition(topic, stretch.partition, start)
    reader.assign([place])
    for message in _messages(reader, place, stretch.end, halt):
        offset, log_time = message.offset() or 0, message.timestamp()[1] * MS
        if offset != expected:
            # retention has deleted what stood before it, of which nothing is known
            windows.covered_from = log_time
        expected = offset + 1
        _fold(windows, message, offset, log_time)
        if offset % READ_AT_ONCE == 0:
            _relieve(windows, memory)
    if expected != stretch.end:
        # retention has deleted the last of it
        windows.covered_from = stretch.log_time
    _relieve(windows, memory)
    if halt.is_set():
        return None
    logger.info("read back", partition=stretch.partition, first=start, end=stretch.end)
    return windows


def _begin(reader: Consumer, topic: str, stretch: Stretch, horizon: int) -> tuple[int, int, int]:
    """The first offset to read; the first that may be trusted; from which log time on nothing is missing then."""
    low = _first(reader, TopicPartition(topic, stretch.partition))
    wanted = TopicPartition(topic, stretch.partition, max(horizon, 0) // MS)
    (found,) = reader.offsets_for_times([wanted], timeout=ANSWER_WITHIN_S)
    start = min(max(found.offset, low), stretch.end) if found.offset >= 0 else stretch.end
    if start == 0:
        return start, start, BEGINNING
    return (start, start, horizon) if start > low else (start, UNKNOWN, stretch.log_time)


def _messages(reader: Consumer, start: TopicPartition, end: int, halt: threading.Event) -> Iterator[Message]:
    """The records from ``start`` up to ``end`` (excluded), as far as they are there.

    Raises:
        KafkaException: nothing comes, and the client cannot say what there is: it may have lost Kafka for good (librdkafka,
            issue 5301), and then it would neither give anything nor say so.
    """
    position, moved = start.offset, time.monotonic()
    while position < end and not halt.is_set():
        for message in reader.consume(READ_AT_ONCE, READ_WITHIN_S):
            if kafka.raise_on_error(message.error()):
                continue
            position, moved = (message.offset() or 0) + 1, time.monotonic()
            if position <= end:
                yield message
        if time.monotonic() - moved >= QUIET_S:
            # retention may have deleted the rest, after which nothing comes either
            position, moved = max(position, _first(reader, start)), time.monotonic()


def _first(reader: Consumer, place: TopicPartition) -> int:
    low: int = kafka.watermarks(reader, place, ANSWER_WITHIN_S)[0]
    return low


def _fold(windows: Windows, message: Message, offset: int, log_time: int) -> None:
    try:
        windows.fold(avro.decode(message.value() or b"", Reading), offset, log_time)
    except (avro.AvroError, msgspec.ValidationError, Unfoldable):
        # a dead letter says so already
        return


def _relieve(windows: Windows, memory: int) -> None:
    windows.forget_touched()
    windows.close_past()
    while windows.weight > memory and windows.oldest is not None:
        windows.close(windows.oldest)
