"""The edge between the topics and the world: one small protocol."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol, runtime_checkable

import msgspec
from msgspec import Struct

from connectors.sinks.lineages import Lineages


class Record(Struct, frozen=True):
    """One record as consumed: where it stood (``topic`` without the installation's prefix), and its raw bytes."""

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


class ReadAgain(Exception):
    """What was committed has to be read again, which begins with a new assignment: the process has to end."""


class Again(Struct, frozen=True):
    """Read from ``offset`` on; ``lineages``: what of it is known to have come before."""

    offset: int
    lineages: Lineages = msgspec.field(default_factory=Lineages)


class Sink(Protocol):
    """Writes batches. Laws: ``tests/contracts/test_sink.py``. All calls come from one thread at a time."""

    name: str
    topics: tuple[str, ...]
    """topics it consumes, without prefix, co-assigned by partition"""
    batch_records: int
    """a batch is written when it holds so many records …"""
    batch_s: float
    """… or when its first record has waited so long"""

    def write(self, batch: Sequence[Record]) -> Sequence[Rejection]:
        """Make the batch durable outside; blocks. The same batch twice is stored once.

        Raises:
            Transient: nothing is certain; the runner offers the same batch again.
        """

    def close(self) -> None:
        """Let go of connections and files; safe to call twice."""


# What a sink may offer on top; the runner looks for it by protocol. Partitions are (topic without prefix, partition).
# One call at a time, as with `write`; only `interrupt` comes while another call runs.


@runtime_checkable
class Once(Protocol):
    """A sink of readings that cannot tell a repeated reading by its key: the runner drops repeats by lineage."""

    once_by_lineage: bool


@runtime_checkable
class Interruptible(Protocol):
    """A sink whose writes may take long."""

    def interrupt(self) -> None:
        """From another thread: a write under way ends soon, by Transient. Later writes are not touched."""


@runtime_checkable
class Partitioned(Protocol):
    """A sink that keeps something per partition."""

    def assigned(self, positions: Mapping[tuple[str, int], int]) -> None:
        """These partitions are owned now; each is read from the offset given (committed, else the first)."""

    def revoked(self, partitions: Collection[tuple[str, int]]) -> None:
        """These are owned no longer: their unfinished work is dropped, since the next owner reads it again."""


@runtime_checkable
class Losing(Partitioned, Protocol):
    """A sink whose files may lose what was committed."""

    def again(self) -> Mapping[tuple[str, int], Again]:
        """Asked after ``assigned``: what has to be read again, as far as the log still has it."""


@runtime_checkable
class Settling(Protocol):
    """A sink with work to do when nothing arrives."""

    def settle(self) -> None:
        """Do what is due; called about once a second. May block as long as ``write``.

        The runner commits again afterwards: holds may have moved. Not called before stopping.

        Raises:
            Transient: try again later; nothing is lost.
        """


@runtime_checkable
class Deferring(Partitioned, Settling, Protocol):
    """A sink that finishes some of its work after ``write`` returned; the runner asks it how far it may commit."""

    def hold(self, topic: str, partition: int) -> int | None:
        """The lowest offset whose work is unfinished: commit min(position, this). None: commit the position."""

    def full(self, topic: str, partition: int) -> bool:
        """True: pause this partition until it is false, so that unfinished work stays bounded."""
