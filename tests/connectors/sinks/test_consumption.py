"""A membership that is over begins anew, or ends the process; a broker that is away is waited for."""

from collections.abc import Callable
from threading import Event

import pytest
from confluent_kafka import OFFSET_INVALID, KafkaError, KafkaException, Message, TopicPartition

from connectors.sinks.commit import Commit
from connectors.sinks.consumption import Consumption, Hole, Start
from connectors.sinks.expulsions import Expulsions
from streams import kafka
from streams.settings import KafkaSettings, Settings


@pytest.fixture
def consumption() -> Consumption:
    return Consumption(Settings(kafka=KafkaSettings(bootstrap_servers="127.0.0.1:1")), "test", ("raw",))


def test_a_membership_that_is_over_begins_anew(consumption: Consumption) -> None:
    ended: list[str] = []
    consumption.subscribe(lambda _: None, lambda: ended.append("revoked"))
    consumption._tell(KafkaError(KafkaError._ALL_BROKERS_DOWN, "away"))
    consumption._tell(KafkaError(KafkaError.FENCED_INSTANCE_ID, "fenced", fatal=True))

    assert consumption.take(1, 0.01) == []
    assert ended == ["revoked"]
    consumption.close()


def test_who_is_put_out_twice_in_a_minute_ends(consumption: Consumption, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumption._expulsions, "may_join", lambda _: False)
    consumption.subscribe(lambda _: None, lambda: None)
    consumption._tell(KafkaError(KafkaError.FENCED_INSTANCE_ID, "fenced", fatal=True))

    with pytest.raises(KafkaException, match="fenced"):
        consumption.take(1, 0.01)
    consumption.close()


def test_only_a_quarrel_over_the_name_lets_no_one_join_again() -> None:
    expulsions = Expulsions()

    assert expulsions.may_join(1_000)
    assert not expulsions.may_join(1_059)
    assert not expulsions.may_join(1_118)
    assert expulsions.may_join(1_178)
    expulsions.told(KafkaError(KafkaError._TRANSPORT))
    assert expulsions.may_join(1_180)
    assert not expulsions.may_join(1_181)


def test_a_client_that_only_connects_tells_of_no_absence(consumption: Consumption) -> None:
    assert consumption._expulsions.may_join(1_000)

    consumption._tell(KafkaError(KafkaError._TRANSPORT, "one of two addresses"))

    assert not consumption._expulsions.may_join(1_001)
    consumption.close()


@pytest.mark.parametrize("code", [KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN])
def test_after_an_absence_of_kafka_one_may_join_again(consumption: Consumption, code: int) -> None:
    assert consumption._expulsions.may_join(1_000)
    consumption._joined = True

    consumption._tell(KafkaError(code, "away"))

    assert consumption._expulsions.may_join(1_001)
    consumption.close()


def test_a_broker_that_is_away_is_waited_for(consumption: Consumption) -> None:
    consumption._tell(KafkaError(KafkaError._ALL_BROKERS_DOWN, "away"))

    assert consumption.take(1, 0.01) == []
    consumption.close()


@pytest.mark.parametrize("code", [KafkaError._FATAL, KafkaError.FENCED_INSTANCE_ID])
def test_an_answer_with_the_bare_code_says_that_the_membership_is_over(code: int) -> None:
    assert kafka.is_over(KafkaError(code))
    with pytest.raises(KafkaException):
        kafka.raise_on_error(KafkaError(code))


@pytest.mark.parametrize("code", [KafkaError._ALL_BROKERS_DOWN, KafkaError._WAIT_COORD, KafkaError._TIMED_OUT])
def test_a_fault_that_passes_is_an_event_to_skip(code: int) -> None:
    assert not kafka.is_over(KafkaError(code))
    assert kafka.raise_on_error(KafkaError(code))


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


RAW_0 = ("raw", 0)


def owning(consumption: Consumption, client: Client) -> Consumption:
    consumption._consumer.close()
    client.on_commit = consumption._ended
    consumption._consumer = client  # type: ignore[assignment]  # what of a client is asked here
    consumption._own([Start(RAW_0, 0, "")])
    return consumption


def test_a_commit_ends_while_records_are_taken(consumption: Consumption) -> None:
    client = Client()
    owner = owning(consumption, client)

    owner.commit({RAW_0: 5}, lambda _: "")
    owner.commit({RAW_0: 7}, lambda _: "")
    assert client.committed == []
    owner.take(1, 0)
    assert client.committed == [5]

    owner.commit({RAW_0: 7}, lambda _: "")
    owner.close()
    assert client.committed == [5, 7]


def test_what_is_committed_is_no_news(consumption: Consumption) -> None:
    client = Client()
    owner = owning(consumption, client)
    for _ in range(3):
        owner.commit({RAW_0: 5}, lambda _: "")
        owner.take(1, 0)

    assert client.committed == [5]
    owner.close()


def test_what_was_committed_of_an_assignment_that_is_over_says_nothing_of_the_next(consumption: Consumption) -> None:
    client = Client()
    owner = owning(consumption, client)
    owner.commit({RAW_0: 5}, lambda _: "")
    owner._own([Start(RAW_0, 3, "")])
    owner.take(1, 0)

    owner.commit({RAW_0: 4}, lambda _: "")
    owner.take(1, 0)

    assert client.committed == [5, 4]
    owner.close()


def test_a_commit_that_fails_is_made_again(consumption: Consumption) -> None:
    client = Client(error=KafkaError(KafkaError.COORDINATOR_LOAD_IN_PROGRESS))
    owner = owning(consumption, client)
    owner.commit({RAW_0: 5}, lambda _: "")
    owner.take(1, 0)
    assert client.committed == []

    client._error = None
    owner.commit({RAW_0: 5}, lambda _: "")
    owner.take(1, 0)

    assert client.committed == [5]
    owner.close()


def test_a_commit_by_who_is_no_member_ends_the_membership(consumption: Consumption) -> None:
    owner = owning(consumption, Client(error=KafkaError(KafkaError.FENCED_INSTANCE_ID)))
    owner.commit({RAW_0: 5}, lambda _: "")

    assert owner.take(1, 0) == []
    assert owner._consumer is not None
    assert not isinstance(owner._consumer, Client), "it has joined with a client of its own"
    owner.close()


def test_a_commit_that_never_ends_ends_the_process_and_a_freeze_is_no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    statuses: list[int] = []
    monkeypatch.setattr("os._exit", statuses.append)
    commit = Commit({RAW_0: 5}, frozenset(), looked_at=0)

    commit.look(1_000)
    for second in range(1, 30):
        commit.look(1_000 + second)
    assert statuses == []
    commit.look(1_030)

    assert statuses == [1]


def test_a_client_that_reaches_nobody_and_owns_nothing_is_made_anew(
    consumption: Consumption, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[str] = []
    consumption.subscribe(lambda _: None, lambda: ended.append("revoked"))
    before = consumption._consumer
    monkeypatch.setattr(consumption, "_next_doubt", 0.0)

    assert consumption.take(1, 0.01) == []

    assert ended == ["revoked"]
    assert consumption._consumer is not before
    consumption.close()


def test_who_owns_partitions_or_has_waited_for_a_moment_only_keeps_its_client(
    consumption: Consumption, monkeypatch: pytest.MonkeyPatch
) -> None:
    consumption.subscribe(lambda _: None, lambda: None)
    before = consumption._consumer
    consumption.take(1, 0.01)
    assert consumption._consumer is before
    monkeypatch.setattr(consumption, "_owned", frozenset({("raw", 0)}))
    monkeypatch.setattr(consumption, "_next_doubt", 0.0)

    consumption.take(1, 0.01)

    assert consumption._consumer is before
    consumption.close()


def test_committed_offsets_that_are_out_of_range_are_a_hole(consumption: Consumption) -> None:
    owner = owning(consumption, Placeless())

    with pytest.raises(Hole):
        owner.take(1, 0)
    owner.close()


def test_who_failed_to_say_where_to_begin_speaks_of_no_hole(consumption: Consumption) -> None:
    owner = owning(consumption, Placeless())
    owner._failed = KafkaException(KafkaError(KafkaError._TIMED_OUT))

    with pytest.raises(KafkaException):
        owner.take(1, 0)
    owner.close()


def test_a_first_start_waits_for_a_partition_that_gets_its_leader(consumption: Consumption) -> None:
    owner = owning(consumption, Placeless(leaderless=2))

    assert owner._where(TopicPartition("raw", 0, OFFSET_INVALID)) == Start(RAW_0, 3, "")
    owner.close()


class Endless(Client):
    """A client that has lost Kafka, and never ends."""

    def __init__(self) -> None:
        super().__init__()
        self.let_go, self.ended = Event(), Event()

    def close(self) -> None:
        self.let_go.set()
        self.ended.wait(30)


def test_a_client_that_never_ends_is_not_waited_for_and_says_nothing_more(consumption: Consumption) -> None:
    consumption.subscribe(lambda _: None, lambda: None)
    spoken = consumption._ours(consumption._tell)
    consumption._consumer.close()
    consumption._consumer = lost = Endless()  # type: ignore[assignment]  # what of a client is asked here

    consumption._join_again("lost")
    spoken(KafkaError(KafkaError.FENCED_INSTANCE_ID, "fenced", fatal=True))

    assert lost.let_go.wait(10)
    assert consumption.take(1, 0.01) == []
    assert consumption._failed is None
    lost.ended.set()
    consumption.close()
