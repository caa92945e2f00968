"""Clients of Kafka that answer a sink as the test wants, and a sink's membership that asks them."""

from collections.abc import Callable
from threading import Event

from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from connectors.sinks.commit import Start
from connectors.sinks.consumption import Consumption
from streams.settings import KafkaSettings, Settings

RAW_0 = ("raw", 0)


class Client:
    """A client whose commits end when it is asked for records, as they wait for the callback of a rebalance."""

    def __init__(self, error: KafkaError | None = None) -> None:
        self._error, self._waiting = error, list[TopicPartition]()
        self.on_commit: Callable[[KafkaError | None, list[TopicPartition]], None]
        self.committed: list[int] = []

    def commit(self, offsets: list[TopicPartition], asynchronous: bool) -> None:
        assert asynchronous
        assert not self._waiting
        self._waiting = offsets

    def resume(self, partitions: list[TopicPartition]) -> None:
        """Nothing was paused."""
        assert partitions == []

    def consume(self, _: int, __: float) -> list[Message]:
        if self._waiting:
            offsets, self._waiting = self._waiting, []
            self.committed += [] if self._error else [offsets[0].offset]
            self.on_commit(self._error, offsets)
        return []

    def subscribe(self, _: list[str], on_assign: Callable[..., None], **__: object) -> None:
        self.on_assign = on_assign

    def poll(self, _: float) -> None:
        self.consume(1, 0)

    def close(self) -> None:
        pass


class Placeless(Client):
    """A client that found no place to begin at, for want of a leader or of the records that were committed."""

    def __init__(self, leaderless: int = 0) -> None:
        super().__init__()
        self.leaderless = leaderless

    def get_watermark_offsets(self, _: TopicPartition, timeout: float) -> tuple[int, int]:
        self.leaderless -= 1
        if self.leaderless >= 0:
            raise KafkaException(KafkaError(KafkaError.NOT_LEADER_FOR_PARTITION))
        return 3, 7

    def consume(self, _: int, __: float) -> list[Message]:
        return [Message(topic="raw", partition=0, error=KafkaError(KafkaError._AUTO_OFFSET_RESET))]


class Uncoordinated:
    """A client of a group that has no coordinator yet, as when Kafka has just taken itself for dead."""

    def __init__(self) -> None:
        self.asked, self.assigned = 0, list[TopicPartition]()

    def committed(self, partitions: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        self.asked += 1
        if self.asked == 1:
            raise KafkaException(KafkaError(KafkaError.NOT_COORDINATOR))
        return [TopicPartition(each.topic, each.partition, 5) for each in partitions]

    def assign(self, partitions: list[TopicPartition]) -> None:
        self.assigned = partitions

    def resume(self, partitions: list[TopicPartition]) -> None:
        """Nothing was paused."""

    def close(self) -> None:
        pass


class Endless(Client):
    """A client that has lost Kafka, and never ends."""

    def __init__(self) -> None:
        super().__init__()
        self.let_go, self.ended = Event(), Event()

    def close(self) -> None:
        self.let_go.set()
        self.ended.wait(30)


def consumption() -> Consumption:
    """Of a Kafka that is away."""
    return Consumption(Settings(kafka=KafkaSettings(bootstrap_servers="127.0.0.1:1")), "test", ("raw",))


def with_client(client: Client | Uncoordinated) -> Consumption:
    """What of a client is asked here is answered by this one."""
    made = consumption()
    made._consumer.close()
    made._consumer = client  # type: ignore[assignment]
    return made


def owning(client: Client) -> Consumption:
    """It has been given the first partition of `raw` from offset 0."""
    owner = with_client(client)
    client.on_commit = owner._ended
    owner._own([Start(RAW_0, 0, "")])
    return owner
