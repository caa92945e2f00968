"""A membership that is over begins anew, or ends the process; a broker that is away is waited for."""

import pytest
from confluent_kafka import OFFSET_INVALID, KafkaError, KafkaException, TopicPartition

from connectors.sinks.commit import Start
from connectors.sinks.consumption import Consumption, Hole
from connectors.sinks.expulsions import Expulsions
from streams import kafka
from tests.connectors.sinks import memberships
from tests.connectors.sinks.memberships import RAW_0, Client, Placeless, Uncoordinated, owning, with_client


@pytest.fixture
def consumption() -> Consumption:
    return memberships.consumption()


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


def test_who_is_given_partitions_waits_for_the_group_s_coordinator() -> None:
    client = Uncoordinated()

    assert with_client(client)._start([TopicPartition("raw", 0)]) == [Start(RAW_0, 5, "")]
    assert [(each.topic, each.offset) for each in client.assigned] == [("raw", 5)]


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


def test_committed_offsets_that_are_out_of_range_are_a_hole() -> None:
    owner = owning(Placeless())

    with pytest.raises(Hole):
        owner.take(1, 0)
    owner.close()


def test_who_failed_to_say_where_to_begin_speaks_of_no_hole() -> None:
    owner = owning(Placeless())
    owner._failed = KafkaException(KafkaError(KafkaError._TIMED_OUT))

    with pytest.raises(KafkaException):
        owner.take(1, 0)
    owner.close()


def test_a_first_start_waits_for_a_partition_that_gets_its_leader() -> None:
    owner = owning(Placeless(leaderless=2))

    assert owner._where(TopicPartition("raw", 0, OFFSET_INVALID)) == Start(RAW_0, 3, "")
    owner.close()


class Logged(Client):
    """A client whose log begins at offset 3."""

    def __init__(self) -> None:
        super().__init__()
        self.assigned: list[int] = []

    def get_watermark_offsets(self, _: TopicPartition, timeout: float) -> tuple[int, int]:
        return 3, 20

    def assign(self, partitions: list[TopicPartition]) -> None:
        self.assigned = [partition.offset for partition in partitions]


@pytest.mark.parametrize(("wanted", "begins", "committed"), [(5, 5, 12), (1, 3, 12), (1, 2, 2)])
def test_what_is_lost_is_read_again_from_where_the_log_has_it(wanted: int, begins: int, committed: int) -> None:
    """Not from behind what is committed: that the log has lost that, too, is an alarm."""
    client = Logged()
    consumption = owning(client)
    consumption._own([Start(RAW_0, committed, "")])

    consumption.go_back({RAW_0: wanted})
    consumption.commit({RAW_0: begins}, lambda _: "")

    assert client.assigned == [begins]
    assert client._waiting == []
    consumption.commit({RAW_0: committed + 1}, lambda _: "")
    assert [partition.offset for partition in client._waiting] == [committed + 1]
