"""A membership that is over begins anew, or ends the process; a broker that is away is waited for."""

import pytest
from confluent_kafka import KafkaError, KafkaException

from connectors.sinks.consumption import Consumption
from streams import kafka
from streams.settings import KafkaSettings, Settings


@pytest.fixture
def consumption() -> Consumption:
    return Consumption(Settings(kafka=KafkaSettings(bootstrap_servers="127.0.0.1:1")), "test", ("raw",))


def test_a_membership_that_is_over_begins_anew_once_a_minute(consumption: Consumption) -> None:
    ended: list[str] = []
    consumption.subscribe(lambda _: None, lambda: ended.append("revoked"))
    consumption._tell(KafkaError(KafkaError._ALL_BROKERS_DOWN, "away"))
    consumption._tell(KafkaError(KafkaError.FENCED_INSTANCE_ID, "fenced", fatal=True))

    assert consumption.take(1, 0.01) == []
    assert ended == ["revoked"]
    consumption._tell(KafkaError(KafkaError.FENCED_INSTANCE_ID, "fenced", fatal=True))
    with pytest.raises(KafkaException, match="fenced"):
        consumption.take(1, 0.01)
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
