"""Elects the one API process that writes: whoever holds the one partition of `registry-leader` in group `api-writer`.

The election is only a hint about who should write; that nobody else can is the writer's fence.
"""

import threading
from collections.abc import Callable

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from streams import kafka, log
from streams.progress import HERE, Excuse, Work
from streams.registry.writer import Writer
from streams.settings import KafkaSettings

BACK_OFF_S = 0.5
SESSION = {"session.timeout.ms": 6000, "heartbeat.interval.ms": 1500}
"""Of a static member: one that was killed is back at once when it starts again, another takes over after 6 s."""

logger = log.get("registry.election")


class Election:
    """Stands for election in a thread of its own for as long as the process lives.

    ``elected`` gets an open writer, or None when another process is the writer; ``deposed`` is called when it is not
    known who writes. ``member`` names this process, the same after a restart, so that it gets its office back at once.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        member: str,
        elected: Callable[[Writer | None], None],
        deposed: Callable[[], None],
    ) -> None:
        self._settings, self._member, self._elected, self._deposed = settings, member, elected, deposed
        self._halt, self._turns, self._told = threading.Event(), 0, ""
        self._unwatch: Callable[[], None] = lambda: None
        self._thread = threading.Thread(target=self._run, name="registry-election", daemon=True)

    def start(self) -> None:
        """Stand."""
        self._unwatch = HERE.watch("election", lambda: Work(self._turns, left=True), Excuse.KAFKA)
        self._thread.start()

    def stop(self) -> None:
        """Withdraw."""
        self._unwatch()
        self._halt.set()
        if self._thread.is_alive():
            self._thread.join(10)

    def _run(self) -> None:
        while not self._halt.is_set():
            try:
                _Term(self._settings, self._member, self._decided, self._deposed).serve(self._goes_on)
            except KafkaException as fault:
                self._tell(str(fault))
            self._deposed()
            self._halt.wait(BACK_OFF_S)

    def _decided(self, writer: Writer | None) -> None:
        self._told = ""
        self._elected(writer)

    def _tell(self, fault: str) -> None:
        """The same fault once until it is known who writes: while Kafka is away, each term ends like this."""
        if fault != self._told:
            logger.warning("election starts again", fault=fault)
        self._told = fault

    def _goes_on(self) -> bool:
        """Asked at every turn."""
        self._turns += 1
        return not self._halt.is_set()


class _Term:
    """One membership of the group; it ends with the process, a broken writer, a fault, or a client that has lost Kafka.

    Who owns the partition need not ask for Kafka: the client takes it away when no coordinator has answered for a session.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        member: str,
        elected: Callable[[Writer | None], None],
        deposed: Callable[[], None],
    ) -> None:
        self._settings, self._elected, self._deposed = settings, elected, deposed
        self._fatal: KafkaError | None = None
        self._over = False
        watched = {"group.instance.id": member, "error_cb": self._on_error}
        self._consumer = kafka.consumer(settings, "api-writer", **watched, **SESSION)
        self._writer: Writer | None = None
        self._assigned: bool | None = None
        """A result that waits to be announced: whether the partition is ours."""

    def serve(self, goes_on: Callable[[], bool]) -> None:
        topic = kafka.topic(self._settings, "registry-leader")
        doubt = kafka.Doubt(self._consumer, topic)
        try:
            self._consumer.subscribe([topic], on_assign=self._on_assign, on_revoke=self._on_loss, on_lost=self._on_loss)
            while goes_on() and not (self._writer and self._writer.broken):
                self._poll()
                self._announce()
                doubt.look(sign=self._writer is not None)
        finally:
            self._end(withdrawn=not goes_on())

    def _poll(self) -> None:
        message = self._consumer.poll(0.2)
        if message is not None:
            kafka.raise_on_error(message.error())
        if self._fatal is not None:
            raise KafkaException(self._fatal)

    def _end(self, *, withdrawn: bool) -> None:
        """Whatever ended the term, its client may have lost Kafka: the next term does not wait for its end."""
        self._over = True
        self._leave_office()
        if withdrawn:
            self._consumer.close()
        else:
            kafka.let_go(self._consumer)

    def _announce(self) -> None:
        assigned, self._assigned = self._assigned, None
        if assigned:
            self._writer = Writer(self._settings)
            self._writer.open()
        if assigned is not None:
            self._elected(self._writer)

    def _on_error(self, error: KafkaError) -> None:
        """A fatal one (another member with our name, by the memory of a broker that was killed) may be told here only."""
        if kafka.is_over(error):
            self._fatal = error

    def _on_assign(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        if self._over:
            kafka.park()
        self._assigned = bool(partitions)

    def _on_loss(self, _consumer: Consumer, _partitions: list[TopicPartition]) -> None:
        """A client that ends may say so late: what comes of the next term is not for it to say."""
        if not self._over:
            self._assigned = None
            self._leave_office()
            self._deposed()

    def _leave_office(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._writer = None
