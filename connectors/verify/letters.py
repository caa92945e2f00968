"""Dead letters as topic `dead-letters` has them: it forgets after some months what table `dead_letters` keeps for ever.

What the world decided (a sink, a window, a codec's limit) is known from nowhere else, so older letters cannot be judged.
"""

import time
from collections.abc import Iterable, Mapping

from confluent_kafka import OFFSET_BEGINNING, TopicPartition
from msgspec import Struct, field

from connectors.verify.circumstances import LIMITS
from connectors.verify.expected import letter_key
from streams import avro, kafka, topics
from streams.core.records import DeadLetter
from streams.core.times import MILLISECOND, SECOND
from streams.scan import begins_of, ends_of, until
from streams.settings import KafkaSettings

TOPIC = "dead-letters"
CORE_STAGES = ("open", "codec", "normalise")
WITHIN_S = 30
LATE = 300 * SECOND
"""Clocks differ, and what a letter says of its time is told before Kafka appends it, which may wait for minutes."""


class Letters(Struct):
    """Those of the world that the topic has; ``since``: of letters at this time (ns) and later it has all, 0: of all times."""

    kept: list[DeadLetter] = field(default_factory=list)
    since: int = 0


def read(settings: KafkaSettings) -> Letters:
    """Up to the end of this moment.

    Raises:
        TimeoutError, KafkaException: the log does not answer.
    """
    reader, topic = kafka.reader(settings), kafka.topic(settings, TOPIC)
    found, first = Letters(), dict[int, int]()
    try:
        ends = ends_of(reader, topic)
        reader.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in ends])
        for message in until(reader, ends, WITHIN_S):
            first.setdefault(message.partition() or 0, message.timestamp()[1] * MILLISECOND)
            letter = avro.decode(message.value() or b"", DeadLetter)
            found.kept += [letter] if is_of_the_world(letter) else []
        found.since = since(begins_of(reader, topic), first, time.time_ns() - _retention(settings))
    finally:
        reader.close()
    return found


def since(begins: Mapping[int, int], first: Mapping[int, int], kept_from: int) -> int:
    """From when on the topic has all letters.

    ``begins``: partition -> its first offset; ``first``: when that was appended (ns), where there is one; ``kept_from``:
    what is younger is not deleted.
    """
    times = [first.get(partition, kept_from) + LATE for partition, begin in begins.items() if begin > 0]
    return max(times, default=0)


def is_of_the_world(letter: DeadLetter) -> bool:
    """Whether the core does not say by itself that there must be such a letter."""
    return letter.stage not in {*CORE_STAGES, "avro"} or (letter.stage == "codec" and letter.reason in LIMITS)


def gone(stored: Iterable[DeadLetter], letters: Letters) -> list[DeadLetter]:
    """Those of the store that cannot be judged: the topic has them no more."""
    kept = set(map(letter_key, letters.kept))
    return [one for one in stored if one.at < letters.since and is_of_the_world(one) and letter_key(one) not in kept]


def _retention(settings: KafkaSettings) -> int:
    """Of the topic, in ns."""
    (declared,) = (new.config or {} for new in topics.wanted(settings) if new.topic == kafka.topic(settings, TOPIC))
    return int(declared["retention.ms"]) * MILLISECOND
