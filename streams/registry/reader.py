"""Reads every registry topic with one consumer in one thread, and hands over what changed.

Positions are offsets of the next record to read; they come from partition EOF, because the markers of transactions own
offsets that are never delivered.
"""

import threading
from collections.abc import Callable, Mapping

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from streams import avro, kafka, log, topics
from streams.registry.state import RECORDS, Change
from streams.settings import KafkaSettings

BACK_OFF_S = (0.2, 0.5, 1, 2, 5)
READ_AT_ONCE, READ_WITHIN_S = 1000, 0.2
AHEAD = {"queued.max.messages.kbytes": 4096}
"""of each topic; more would only lie in memory, as records are decoded more slowly than read"""
ANSWER_S = 10
STOP_S = 0.5

Deliver = Callable[[list[Change], Mapping[str, int]], None]
"""Takes changes in the order of the log, and how far each topic has now been read (topic -> next offset)."""

logger = log.get("registry.reader")


class Reader:
    """Follows the registry's topics from their beginning; only committed transactions are seen.

    ``deliver`` runs in the reader's thread. A record that cannot be read ends the reader, ``failed`` says why: a registry
    with a hole would answer wrongly.
    """

    def __init__(self, settings: KafkaSettings, deliver: Deliver, failed: Callable[[str], None]) -> None:
        self._settings, self._deliver, self._failed = settings, deliver, failed
        self._names = {kafka.topic(settings, name): name for name in RECORDS}
        self._next: dict[str, int] = {}
        self._halt, self._said, self._failures = threading.Event(), "", 0
        self._thread = threading.Thread(target=self._run, name="registry-reader", daemon=True)

    def start(self) -> None:
        """Begin to read; Kafka and the topics need not be there yet."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; one that still looks for Kafka is left to die with the process."""
        self._halt.set()
        self._thread.join(STOP_S)

    def ends(self) -> dict[str, int]:
        """The next offset of each topic now; blocks.

        Raises:
            KafkaException: Kafka or a topic is away.
        """
        # Its own client: asking the consumer that another thread polls does not return. It, too, may lose Kafka.
        asking = kafka.consumer(self._settings, None)
        try:
            return {name: _end(asking, topic) for topic, name in self._names.items()}
        finally:
            kafka.let_go(asking, kafka.ENDING_S)

    def _run(self) -> None:
        while not self._halt.is_set():
            try:
                topics.check(self._settings, timeout_s=1)
                self._follow()
            except (KafkaException, topics.TopicError) as fault:
                self._wait(str(fault))
            except Exception as fault:
                logger.exception("registry reader ended")
                self._failed(f"{type(fault).__name__}: {fault}")
                return

    def _wait(self, fault: str) -> None:
        """The same fault is told once until something is read again."""
        if fault != self._said:
            logger.warning("waiting for the registry's topics", fault=fault)
        self._said = fault
        self._halt.wait(BACK_OFF_S[min(self._failures, len(BACK_OFF_S) - 1)])
        self._failures += 1

    def _follow(self) -> None:
        consumer = kafka.consumer(self._settings, None, **{"isolation.level": "read_committed"}, **AHEAD)
        try:
            consumer.assign([TopicPartition(topic, 0, self._next.get(name, 0)) for topic, name in self._names.items()])
            doubt = kafka.Doubt(consumer, next(iter(self._names)))
            while not self._halt.is_set():
                messages = kafka.taken(consumer, READ_AT_ONCE, READ_WITHIN_S)
                if messages:
                    self._take(messages)
                doubt.look(sign=bool(messages) and messages[0].error() is None)
        finally:
            # it may have lost Kafka
            kafka.let_go(consumer, kafka.ENDING_S if self._halt.is_set() else 0)

    def _take(self, messages: list[Message]) -> None:
        self._said, self._failures = "", 0
        changes = []
        for message in messages:
            name, offset = self._names.get(message.topic() or "", ""), message.offset() or 0
            error = message.error()
            if error is None:
                changes.append(_change(name, message))
                self._next[name] = offset + 1
            elif error.code() == KafkaError._PARTITION_EOF:
                self._next[name] = max(self._next.get(name, 0), offset)
            else:
                kafka.raise_on_error(error)
        self._deliver(changes, dict(self._next))


def _change(name: str, message: Message) -> Change:
    value, key = message.value(), (message.key() or b"").decode()
    return Change(name, key, None if value is None else avro.decode(value, RECORDS[name]))


def _end(consumer: Consumer, topic: str) -> int:
    end: int = kafka.watermarks(consumer, TopicPartition(topic, 0), ANSWER_S)[1]
    return end
