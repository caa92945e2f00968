"""What the Kafka client of a sink is set to."""

from typing import Any

from streams.settings import Settings


def properties(settings: Settings, sink: str) -> dict[str, Any]:
    """Beside those of every consumer (``streams.kafka.consumer``)."""
    chosen: dict[str, Any] = {
        "client.id": f"isthmus-sink-{sink}",
        "partition.assignment.strategy": "range",  # topics with equal counts: same numbers to the same member
        "auto.offset.reset": "error",
        "enable.partition.eof": False,
        "session.timeout.ms": 6_000,
        "heartbeat.interval.ms": 1_500,
        "topic.metadata.refresh.interval.ms": 30_000,
        "queued.max.messages.kbytes": settings.sink.queue_mb * 1_024,
    }
    if settings.sink.instance is not None:
        chosen["group.instance.id"] = f"sink-{sink}-{settings.sink.instance}"
    return chosen
