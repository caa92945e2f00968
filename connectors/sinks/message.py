"""A message of Kafka's client as the record that a sink is given."""

from confluent_kafka import Message

from connectors.sinks.base import Record
from streams.core.times import MILLISECOND


def record(message: Message, prefix: str = "") -> Record:
    """``prefix`` is what the topics of this installation begin with; a message that is an error has no record."""
    return Record(
        topic=str(message.topic()).removeprefix(prefix),
        partition=int(message.partition() or 0),
        offset=int(message.offset() or 0),
        key=_bytes(message.key()),
        value=_bytes(message.value()),
        timestamp=message.timestamp()[1] * MILLISECOND,
    )


def _bytes(data: bytes | str | None) -> bytes | None:
    return data.encode() if isinstance(data, str) else data
