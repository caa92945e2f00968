"""A compacted topic as a dictionary that is always up to date: the registry's topics are read this way everywhere.

An own reader instead of a Faust table, which hangs on a topic that another program writes. It belongs to no group and
commits nothing: it reads partition 0 from the beginning (registry topics have one partition) and keeps following.
"""

import threading
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from streams import avro, kafka, log, metrics, progress
from streams.settings import KafkaSettings

T = TypeVar("T", bound=msgspec.Struct)

BACK_OFF_S = (0.2, 0.5, 1, 2, 5)
READ_AT_ONCE, READ_WITHIN_S = 1000, 0.05

logger = log.get("view")


class CompactedView(Generic[T]):
    """Key -> latest record of one compacted topic, read by a thread of its own.

    ``on_change(key, record or None, offset)`` runs in that thread for every record in the order of the log, after
    ``data`` has changed and before ``position`` has; None is a deletion. If it raises, the view ends: a reader that
    missed a change would be wrong in silence.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        name: str,
        kind: type[T],
        on_change: Callable[[bytes, T | None, int], None] | None = None,
    ) -> None:
        self.name, self.position, self.error, self.skipped = name, -1, "", 0
        self.reached = 0
        """Everything before this offset is known, markers of transactions included, at which ``position`` never arrives."""
        self._settings, self._kind, self._on_change = settings, kind, on_change
        self._data: dict[bytes, T] = {}
        self._caught_up, self._halt, self._lost = threading.Event(), threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"view-{name}", daemon=True)
        self._unfollow: Callable[[], None] = lambda: None

    @property
    def data(self) -> Mapping[bytes, T]:
        """The live dictionary; copy it before iterating."""
        return self._data

    @property
    def ready(self) -> bool:
        """Whether the end of the topic has been reached once, and it is still being followed."""
        return self._caught_up.is_set() and self._thread.is_alive()

    @property
    def alive(self) -> bool:
        """Whether it reads; a view that ended says why in ``error``."""
        return self._thread.is_alive()

    def get(self, key: bytes | str) -> T | None:
        """The record of ``key``, if there is one."""
        return self._data.get(key.encode() if isinstance(key, str) else key)

    def forget(self, key: bytes) -> None:
        """Let go of a record, which ``on_change`` keeps in a form of its own."""
        self._data.pop(key, None)

    def start(self) -> "CompactedView[T]":
        """Begin to read, and return at once; Kafka need not be there yet."""
        topic = kafka.topic(self._settings, self.name)
        self._unfollow = progress.HERE.follow(f"view of {topic}", lambda: {topic: self.reached})
        self._thread.start()
        return self

    def wait_ready(self, timeout: float) -> bool:
        """Wait up to ``timeout`` seconds until caught up; say whether it is."""
        return self._caught_up.wait(timeout) and self.ready

    def renew(self) -> None:
        """Read on with another client: this one has lost Kafka, which has more, and may never look for it again."""
        if not self._lost.is_set():
            logger.warning("view takes another client", topic=self.name, reached=self.reached)
        self._lost.set()

    def stop(self) -> None:
        """End the thread; safe to call twice."""
        self._unfollow()
        self._halt.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(10)

    def _run(self) -> None:
        failures = 0
        while not self._halt.is_set():
            try:
                self._read()
            except KafkaException as fault:
                self._trouble(str(fault))
                self._halt.wait(BACK_OFF_S[min(failures, len(BACK_OFF_S) - 1)])
                failures += 1
            except Exception as fault:
                self.error = f"{type(fault).__name__}: {fault}"
                logger.exception("view ended", topic=self.name)
                return

    def _read(self) -> None:
        """Before the end has been reached nobody can tell that there is more, and ``renew``: the client itself is asked."""
        self._lost.clear()
        consumer = self._consumer()
        doubt = kafka.Doubt(consumer, kafka.topic(self._settings, self.name))
        try:
            while not (self._halt.is_set() or self._lost.is_set()):
                messages = consumer.consume(READ_AT_ONCE, READ_WITHIN_S)
                for message in messages:
                    self._take(message)
                doubt.look(sign=self._caught_up.is_set() or any(message.error() is None for message in messages))
        finally:
            consumer.close() if self._halt.is_set() else kafka.let_go(consumer)

    def _consumer(self) -> Consumer:
        """Positioned after what has been read, so that a new connection repeats nothing."""
        extra: dict[str, Any] = {"error_cb": lambda error: self._trouble(error.str())}
        consumer = kafka.consumer(self._settings, None, **extra)
        consumer.assign([TopicPartition(kafka.topic(self._settings, self.name), 0, max(self.position + 1, 0))])
        return consumer

    def _take(self, message: Message) -> None:
        error = message.error()
        if error is None:
            self.error = ""
            self._apply(message)
        elif error.code() == KafkaError._PARTITION_EOF:
            self.error = ""
            self.reached = max(self.reached, message.offset() or 0)
            self._caught_up.set()
        else:
            self._trouble(error.str())

    def _apply(self, message: Message) -> None:
        key, value, offset = message.key() or b"", message.value(), message.offset() or 0
        try:
            record = None if value is None else avro.decode(value, self._kind)
        except (avro.AvroError, msgspec.ValidationError) as fault:
            self.skip(offset, str(fault))
        else:
            self._change(key, record, offset)
        self.position = offset
        self.reached = max(self.reached, offset + 1)

    def _change(self, key: bytes, record: T | None, offset: int) -> None:
        if record is None:
            self._data.pop(key, None)
        else:
            self._data[key] = record
        if self._on_change is not None:
            self._on_change(key, record, offset)

    def skip(self, offset: int, fault: str) -> None:
        """Count a record that cannot be used; ``on_change`` may find one as well."""
        self.skipped += 1
        metrics.VIEW_SKIPPED.labels(self.name).inc()
        logger.error("record skipped", topic=self.name, offset=offset, fault=fault)

    def _trouble(self, fault: str) -> None:
        """Told once; a view that reads again has no error."""
        if not self.error:
            logger.warning("waiting for Kafka", topic=self.name, fault=fault)
        self.error = fault
