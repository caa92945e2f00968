"""The raw archive: every record of `raw`, byte for byte, in files that outlive Kafka's retention (`streams.archive`)."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress

from connectors.sinks.archive.copies import Copies
from connectors.sinks.archive.partition import Partition
from connectors.sinks.base import Again, ReadAgain, Record, Rejection, Transient
from connectors.sinks.shelf import STILL_S
from streams import archive, metrics
from streams.settings import Settings

MEGABYTE = 1_000_000


def make(settings: Settings) -> "ArchiveSink":
    """The sink."""
    return ArchiveSink(settings)


class ArchiveSink:
    """Writes container files, one series per partition. A batch is one synced block per partition."""

    name = "archive"
    topics: tuple[str, ...] = ("raw",)
    batch_records = 5_000
    batch_s = 1.0

    def __init__(self, settings: Settings, *, still_s: float = STILL_S) -> None:
        wanted = settings.files
        self._directory, self._still_s = wanted.archive, still_s
        self._limits = wanted.archive_file_mb * MEGABYTE, wanted.archive_file_s
        self._copies = Copies(wanted.archive_copy) if wanted.archive_copy else None
        self._owned: dict[int, Partition] = {}
        self._committed: dict[int, int] = {}

    def write(self, batch: Sequence[Record]) -> list[Rejection]:
        """Make every record durable in its partition's growing file."""
        by_partition: dict[int, list[Record]] = {}
        for record in batch:
            by_partition.setdefault(record.partition, []).append(record)
        try:
            written = sum(self._at(number, found[0].offset).write(found) for number, found in by_partition.items())
        except OSError as error:
            self._let_go_of_what_is_gone()
            raise Transient(f"cannot write the archive: {error}") from error
        metrics.SINK_ROWS.labels(self.name, "records").inc(written)
        return []

    def assigned(self, positions: Mapping[tuple[str, int], int]) -> None:
        """Take over the growing files, so that files whose time is over are closed though nothing comes."""
        self._committed = {number: offset for (_, number), offset in positions.items()}
        for number in self._committed:
            if (self._directory / archive.directory(number)).is_dir():
                with suppress(Transient, OSError):  # the first write says it again, and waits
                    self._partition(number)

    def again(self) -> dict[tuple[str, int], Again]:
        """See Losing."""
        found = {number: partition.again for number, partition in self._owned.items()}
        return {("raw", number): Again(offset) for number, offset in found.items() if offset is not None}

    def revoked(self, partitions: Collection[tuple[str, int]]) -> None:
        """Another process may write these partitions now."""
        for _, number in partitions:
            if number in self._owned:
                self._let_go(self._owned.pop(number))

    def settle(self) -> None:
        """Close files whose time is over, and copy one closed file away."""
        try:
            for partition in self._owned.values():
                partition.settle(self._still_s)
        except OSError as error:
            self._let_go_of_what_is_gone()
            raise Transient(f"cannot close an archive file: {error}") from error
        if self._copies:
            self._copy(self._copies)

    def interrupt(self) -> None:
        """End the copying, which may take long."""
        if self._copies:
            self._copies.interrupt()

    def close(self) -> None:
        """Let go of every partition; what grows stays open."""
        for partition in self._owned.values():
            partition.close()
        self._owned.clear()

    def _copy(self, copies: Copies) -> None:
        """One file; then it is the other partitions' turn, so that a place that is slow gets something of each."""
        for number, partition in list(self._owned.items()):
            if copies.copy(partition.directory, partition.entries):
                self._owned[number] = self._owned.pop(number)
                return

    def _let_go_of_what_is_gone(self) -> None:
        """The next write takes it over as after a start. A disk that is full or away is waited for with what is open."""
        for number in [number for number, partition in self._owned.items() if not partition.stands]:
            self._let_go(self._owned.pop(number))

    def _let_go(self, partition: Partition) -> None:
        partition.close()
        if self._copies:
            self._copies.forget(partition.directory)

    def _at(self, number: int, offset: int) -> Partition:
        """To write what comes at ``offset``. Who takes it over only now, and finds a loss, has been given its place already."""
        known = number in self._owned
        partition = self._partition(number)
        if not known and partition.again is not None and partition.again < offset:
            self._let_go(self._owned.pop(number))
            raise ReadAgain(
                f"a file of raw {number} is damaged: the log has to be read from offset {partition.again} again"
            )
        return partition

    def _partition(self, number: int) -> Partition:
        if number not in self._owned:
            committed = self._committed.get(number, 0)
            self._owned[number] = Partition(self._directory, number, *self._limits, committed)
        return self._owned[number]
