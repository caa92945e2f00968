"""Kafka clients: one place that makes producers and consumers, so that their guarantees are the same everywhere."""

import threading
import time
from collections.abc import Callable, Iterable, Set
from typing import Any

from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_fixed

from streams.settings import KafkaSettings

UNANSWERED_S = 20
"""A broker that was killed or taken for dead may never answer what it was asked then, nor what comes after it on that
connection: the client makes a new one after so long, not after its own 60 or 90 s. Producers ask no coordinator."""
ENDING_S = 5.0
NO_LEADER_YET = frozenset({KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE})
"""as after a broker has started or a topic was made"""
NO_COORDINATOR_YET = frozenset(
    {KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.COORDINATOR_LOAD_IN_PROGRESS}
)
"""as of a broker that has taken itself for dead, and of the first group of a cluster"""
DOUBT_S, REACHED_S = 5.0, 2.0
"""after so long without a sign a client is asked whether it reaches Kafka at all, and waited for so long"""


class Undelivered(Exception):
    """Records that Kafka did not confirm. Nothing after them may be committed or acknowledged."""


def connection(settings: KafkaSettings) -> dict[str, Any]:
    """librdkafka's connection properties."""
    config: dict[str, Any] = {
        "bootstrap.servers": settings.bootstrap_servers,
        "security.protocol": settings.security_protocol,
        "log.connection.close": False,
        "log_level": 2,  # a lost broker is told by whoever waits for it, not twenty times a second by the library
        "reconnect.backoff.max.ms": 250,
        "retry.backoff.max.ms": 250,
    }
    if settings.sasl_mechanism:
        config |= {
            "sasl.mechanism": settings.sasl_mechanism,
            "sasl.username": settings.sasl_username,
            "sasl.password": settings.sasl_password.get_secret_value(),
        }
    if settings.ca_file:
        config["ssl.ca.location"] = str(settings.ca_file)
    return config


def topic(settings: KafkaSettings, name: str) -> str:
    """The topic's name in the cluster."""
    return settings.prefix + name


def group(settings: KafkaSettings, name: str) -> str:
    """The consumer group's name in the cluster."""
    return f"{settings.prefix}isthmus-{name}"


def producer(settings: KafkaSettings, *, linger_ms: float = 5, **extra: Any) -> Producer:
    """A producer that is idempotent, waits for all replicas and partitions like every Kafka client in Java.

    librdkafka's default partitioner agrees with the others for a quarter of all keys only, and a join by partition
    would miss silently.
    """
    return Producer(
        connection(settings)
        | {
            "enable.idempotence": True,
            "acks": "all",
            "partitioner": "murmur2_random",
            "compression.type": "lz4",
            "linger.ms": linger_ms,
            "message.max.bytes": settings.max_record_bytes + 65_536,
            "batch.size": min(1_000_000, settings.max_record_bytes),
            "queue.buffering.max.kbytes": 262_144,
            "message.timeout.ms": 0,
        }
        | extra
    )


def consumer(settings: KafkaSettings, group_name: str | None, **extra: Any) -> Consumer:
    """A consumer that commits only when told; without a group it may only ``assign``."""
    return Consumer(
        connection(settings)
        | {
            "group.id": group(settings, group_name or "groupless"),
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "socket.timeout.ms": UNANSWERED_S * 1000,
            "fetch.queue.backoff.ms": 20,
            "fetch.error.backoff.ms": 100,
            "fetch.wait.max.ms": 100,
            "fetch.message.max.bytes": 4_194_304,
            "receive.message.max.bytes": 268_435_456,
            "queued.max.messages.kbytes": 65_536,
        }
        | extra
    )


def let_go(lost: Consumer, wait_s: float = 0) -> None:
    """Close a client that may have lost Kafka: its end may wait for an answer that never comes, so it is not waited for.

    ``wait_s``: at most so long, where the process may be ending, which is not to come while C calls back.
    """
    ending = threading.Thread(target=lost.close, name="let-go", daemon=True)
    ending.start()
    ending.join(wait_s)


def park() -> None:
    """For who is given partitions while its client ends: wait for ever, in the thread that ends it.

    To take them then may wait for ever, too, in C with Python's lock: the whole process would stand. The next client takes
    its place in the group by name.
    """
    threading.Event().wait()


def reached(client: Consumer, topic_name: str, timeout_s: float) -> Any:
    """What ``list_topics`` answers of a topic, which may be that there is none.

    Raises:
        KafkaException: the client reaches nobody.
    """
    answer = client.list_topics(topic_name, timeout=timeout_s)
    if not answer.brokers:
        raise KafkaException(KafkaError(KafkaError._ALL_BROKERS_DOWN))
    return answer


class Doubt:
    """Whether a client that gives no sign of Kafka has lost it for good (librdkafka, issue 5301).

    A lone Kafka that was paused for longer than its session says for a moment that there are no brokers, and the client
    may never look for one again: it brings nothing, and no error either. For the thread that polls the client.
    """

    def __init__(self, client: Consumer, topic_name: str) -> None:
        self._client, self._topic, self._next = client, topic_name, time.monotonic() + DOUBT_S

    def look(self, *, sign: bool) -> None:
        """``sign``: the client has shown that it works. Without one for some seconds it is asked for its topic.

        Raises:
            KafkaException: it reaches nobody; let it go, and take another.
        """
        if sign or time.monotonic() >= self._next:
            if not sign:
                self._ask()
            self._next = time.monotonic() + DOUBT_S

    def _ask(self) -> None:
        answer = reached(self._client, self._topic, REACHED_S)
        if answer.topics[self._topic].error:
            raise KafkaException(answer.topics[self._topic].error)


def reader(settings: KafkaSettings, **extra: Any) -> Consumer:
    """A groupless consumer for what there is now, which connects at once and is told at once where that ends.

    A broker holds a fetch back for as long as it may wait for more, and whatever else the client asks meanwhile, too; and half
    of its first pause passes before a client connects at all. Those that live on keep it: else all come back later when Kafka does.
    """
    return consumer(settings, None, **{"fetch.wait.max.ms": 10, "reconnect.backoff.ms": 20}, **extra)


def taken(reader: Consumer, at_once: int, within_s: float) -> list[Message]:
    """What is there, at most ``at_once``; the first is waited for. ``Consumer.consume`` waits for as many as it is asked for."""
    first = reader.poll(within_s)
    return [] if first is None else [first, *reader.consume(at_once - 1, 0)]


def watermarks(reader: Consumer, partition: TopicPartition, timeout_s: float) -> tuple[int, int]:
    """The first offset of a partition and the next one to be written; a partition that gets its leader is waited for.

    Raises:
        KafkaException: Kafka or the partition is away.
    """
    for attempt in attempts(NO_LEADER_YET, timeout_s):
        with attempt:
            low, high = reader.get_watermark_offsets(partition, timeout=timeout_s)
    return low, high


def committed(member: Consumer, partitions: list[TopicPartition], timeout_s: float) -> list[TopicPartition]:
    """Where the member's group goes on; a group that gets its coordinator is waited for. Raises as ``watermarks``."""
    for attempt in attempts(NO_COORDINATOR_YET, timeout_s):
        with attempt:
            found = member.committed(partitions, timeout=timeout_s)
    return found


def attempts(passing: Set[int], for_s: float) -> Retrying:
    """Ask again for so long while Kafka answers with one of these codes; then its answer is raised."""

    def passes(error: BaseException) -> bool:
        return isinstance(error, KafkaException) and error.args[0].code() in passing

    return Retrying(retry=retry_if_exception(passes), stop=stop_after_delay(for_s), wait=wait_fixed(0.1), reraise=True)


def admin(settings: KafkaSettings) -> AdminClient:
    """An admin client."""
    return AdminClient(connection(settings) | {"socket.timeout.ms": UNANSWERED_S * 1000})


class BatchProducer:
    """Produces a batch and answers for it: ``flush`` returns when every record is confirmed, or raises.

    Not thread-safe; one per worker. A fatal error of the idempotent producer is not survived by waiting, so the
    producer is made anew and the batch is the caller's to send again.
    """

    def __init__(self, settings: KafkaSettings, *, linger_ms: float = 5, timeout_s: float = 30, **extra: Any) -> None:
        self._make: Callable[[], Producer] = lambda: producer(settings, linger_ms=linger_ms, **extra)
        self._settings, self._timeout_s = settings, timeout_s
        self._producer = self._make()
        self._failed: list[KafkaError] = []
        self._lock = threading.Lock()

    def send(self, name: str, key: bytes | str | None, value: bytes | None, partition: int = -1) -> None:
        """Queue one record for topic ``name`` (without prefix).

        Raises:
            KafkaException: the record can never be sent, for example because it is too large.
        """
        target = self._settings.prefix + name
        while True:
            try:
                self._producer.produce(target, value, key, partition, on_delivery=self._report)
                return
            except BufferError:
                self._producer.poll(0.05)

    def flush(self) -> None:
        """Wait until all that was sent is durable.

        Raises:
            Undelivered: something was not; send the whole batch again.
        """
        waiting = self._producer.flush(self._timeout_s)
        failed, self._failed = self._failed, []
        if waiting or failed:
            self._renew()
            raise Undelivered(f"{waiting} record(s) unconfirmed, {len(failed)} refused: {failed[:1]}")

    def close(self) -> None:
        """Wait for what is queued, for as long as a flush may take."""
        self._producer.flush(self._timeout_s)

    def _report(self, error: KafkaError | None, _message: object) -> None:
        if error is not None:
            self._failed.append(error)

    def _renew(self) -> None:
        self._producer.purge()
        self._producer.poll(0)
        self._failed.clear()
        self._producer = self._make()


def raise_on_error(error: KafkaError | None, ignore: Iterable[int] = (KafkaError._PARTITION_EOF,)) -> bool:
    """True when the 'message' is an event to skip (partition EOF, a passing fault).

    Raises:
        KafkaException: the error needs the process to end or a person to look.
    """
    if error is None:
        return False
    if is_over(error):
        raise KafkaException(error)
    if error.code() in ignore or error.retriable() or error.code() < 0:
        return True
    raise KafkaException(error)


def is_over(error: KafkaError) -> bool:
    """Whether the client will never do anything again.

    Not everything that brings such an error says that it is fatal: a consumer's message and the answer to a commit bring
    the bare code.
    """
    return error.fatal() or error.code() in (KafkaError._FATAL, KafkaError.FENCED_INSTANCE_ID)
