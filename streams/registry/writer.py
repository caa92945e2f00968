"""Writes registry changes: all records of one change in one transaction, from one process only.

The transactional id is fixed, so whoever opens a writer fences the one before, even one that is frozen and thaws later.
"""

from collections.abc import Sequence

from confluent_kafka import KafkaError, KafkaException, Message

from streams import avro, kafka
from streams.registry.state import Change
from streams.settings import KafkaSettings

OPEN_S, TRANSACTION_S, COMMIT_S = 20, 15, 10


class Unwritten(Exception):
    """The change is not known to be written; the writer is broken and another one must be opened."""


class Writer:
    """A transactional producer; not thread-safe. After ``Unwritten`` it is ``broken`` for good."""

    def __init__(self, settings: KafkaSettings) -> None:
        self.broken = False
        self._prefix = settings.prefix
        self._producer = kafka.producer(
            settings,
            linger_ms=0,
            **{
                "transactional.id": kafka.group(settings, "api-writer"),
                "transaction.timeout.ms": TRANSACTION_S * 1000,
                "message.timeout.ms": TRANSACTION_S * 1000,
            },
        )

    def open(self) -> None:
        """Fence every earlier writer and end what it left open; blocks up to 20 s.

        Raises:
            KafkaException: Kafka is away.
        """
        self._producer.init_transactions(OPEN_S)

    def write(self, changes: Sequence[Change]) -> dict[str, int]:
        """Write all changes or none; blocks. Answers for each topic the offset after its last record.

        Raises:
            Unwritten: Kafka is away, or another process writes now. Whether the change was written shows when the
                registry has been read to its end again.
        """
        ends: dict[str, int] = {}
        try:
            self._producer.begin_transaction()
            for change in changes:
                self._produce(change, ends)
            if self._producer.flush(COMMIT_S) or len(ends) < len({change.topic for change in changes}):
                raise Unwritten("Kafka did not confirm the change")
            self._producer.commit_transaction(COMMIT_S)
        except (KafkaException, BufferError, Unwritten) as error:
            self.close()
            raise Unwritten(str(error)) from error
        return ends

    def close(self) -> None:
        """Drop what is under way: nothing is under way when no write is."""
        self.broken = True
        self._producer.purge()
        self._producer.poll(0)

    def _produce(self, change: Change, ends: dict[str, int]) -> None:
        def report(error: KafkaError | None, message: Message) -> None:
            if error is None:
                ends[change.topic] = max(ends.get(change.topic, 0), (message.offset() or 0) + 1)

        value = None if change.record is None else avro.encode(change.record)
        self._producer.produce(self._prefix + change.topic, value, change.key.encode(), 0, on_delivery=report)
