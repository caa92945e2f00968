"""The edge between the topics and the world: one small protocol."""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct


class Record(Struct, frozen=True):
    """One record as consumed: where it stood, and its raw bytes (the sink decodes what it needs)."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int
    """ns since the Unix epoch, when Kafka appended it"""


class Rejection(Struct, frozen=True):
    """The record at ``index`` of the batch can never be written; it becomes a dead letter."""

    index: int
    reason: str
    detail: str


class Transient(Exception):
    """The outside world is away or busy: keep the batch, back off, try again. ``retry_after``: seconds, if it said so."""

    def __init__(self, detail: str, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class Sink(Protocol):
    """Writes batches. Laws: ``tests/contracts/test_sink.py``."""

    name: str
    topics: tuple[str, ...]
    """topics it consumes, without prefix, co-assigned by partition"""

    def write(self, batch: Sequence[Record]) -> Sequence[Rejection]:
        """Make the batch durable outside; blocks. The same batch twice is stored once.

        Raises:
            Transient: nothing is certain; the runner offers the same batch again.
        """

    def close(self) -> None:
        """Let go of connections and files; safe to call twice."""
