"""Files for other programs: IoTa's one JSON file per message, and NDJSON segments with a manifest."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress

from msgspec.structs import replace

from connectors.sinks.base import Again, Record, Rejection, Transient
from connectors.sinks.files.iota import IotaLayout
from connectors.sinks.files.segments import Segments
from connectors.sinks.outgoing import Message, Outgoing, portions
from streams import metrics
from streams.settings import Settings


def make(settings: Settings) -> "FilesSink":
    """The sink."""
    return FilesSink(settings)


class FilesSink:
    """Mapped and unpaused readings as files; a repeated reading is written once."""

    name = "files"
    topics: tuple[str, ...] = ("readings",)
    batch_records = 1_000
    batch_s = 0.5
    once_by_lineage = True

    def __init__(self, settings: Settings) -> None:
        wanted = settings.files
        self._outgoing = Outgoing(settings, wanted.sources)
        self._iota = IotaLayout(wanted.directory, permissive=wanted.permissive) if wanted.layout != "segments" else None
        self._segments = Segments(wanted.directory, wanted.segment_s) if wanted.layout != "iota" else None

    def write(self, batch: Sequence[Record]) -> list[Rejection]:
        """Make every message of the batch durable in each layout."""
        rejections = list[Rejection]()
        for piece in portions(batch):
            records = batch[piece.start : piece.stop]
            opened, found = self._outgoing.open(records)
            rejections += [replace(rejection, index=piece[rejection.index]) for rejection in found]
            self._write(records, opened)
        return rejections

    def assigned(self, positions: Mapping[tuple[str, int], int]) -> None:
        """Take over segments that grow: what a damaged one has lost of what was committed is read again."""
        if self._segments:
            with suppress(Transient, OSError):  # the first write says it again, and waits
                self._segments.take_over({number: offset for (_, number), offset in positions.items()})

    def again(self) -> dict[tuple[str, int], Again]:
        """See Losing."""
        found = self._segments.again() if self._segments else {}
        return {("readings", number): again for number, again in found.items()}

    def revoked(self, partitions: Collection[tuple[str, int]]) -> None:
        """Another process may write these partitions now."""
        if self._segments:
            self._segments.release({number for _, number in partitions})

    def settle(self) -> None:
        """Close segments whose time is over."""
        try:
            if self._segments:
                self._segments.settle()
        except OSError as error:
            raise Transient(f"cannot close a segment: {error}") from error

    def close(self) -> None:
        """Let go of files and of the mapping view."""
        self._outgoing.close()
        if self._iota:
            self._iota.close()
        if self._segments:
            self._segments.close()

    def _write(self, records: Sequence[Record], opened: Sequence[Sequence[Message]]) -> None:
        try:
            pairs = list(zip(records, opened, strict=True))
            if self._iota:
                fresh = [messages for record, messages in pairs if not self._is_again(record)]
                metrics.SINK_ROWS.labels(self.name, "messages").inc(self._iota.write(fresh))
            if self._segments:
                metrics.SINK_ROWS.labels(self.name, "lines").inc(self._segments.write(pairs))
        except OSError as error:
            raise Transient(f"cannot write files: {error}") from error

    def _is_again(self, record: Record) -> bool:
        """Its messages have been written, and may have been taken away by whoever reads them."""
        return self._segments is not None and self._segments.is_again(record)
