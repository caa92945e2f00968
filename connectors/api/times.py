"""Times as people write them, and as the registry keeps them."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def to_ns(time: datetime) -> int:
    """ns since the epoch."""
    return (time - EPOCH) // MICROSECOND * 1000


def from_ns(time: int) -> str:
    """ISO 8601 with offset, UTC."""
    return (EPOCH + timedelta(microseconds=time // 1000)).isoformat()
