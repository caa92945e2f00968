"""The files of this machine against the log: the raw archive, what the file sink wrote, device logs."""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial

from confluent_kafka import Message
from msgspec import Struct

from connectors.verify import archive_side
from connectors.verify.bounds import Bounds, Offsets
from connectors.verify.compare import Difference
from connectors.verify.files_side import DeviceLogsSide, FilesSide
from connectors.verify.presented import Mappings
from connectors.verify.tally import Tally
from streams import avro, kafka
from streams.archive import Archived
from streams.commits import Commits
from streams.core.records import Reading
from streams.scan import begins_of, scan
from streams.settings import Settings

MS = 1_000_000
TOPICS = {"archive": "raw", "files": "readings", "device-logs": "readings"}

NOT_KNOWN = "of readings that Kafka no longer has, or under a mapping that is not known any more"


class Since(Struct, frozen=True):
    """The first offset of each partition whose contents must be in the files: all of it, with nothing taken away."""

    archive: Offsets
    files: Offsets
    device_logs: Offsets


class Compared(Struct, frozen=True):
    """What differs, and what could not be judged: table -> how many."""

    differences: list[Difference]
    unchecked: Counter[str]


def compare(settings: Settings, since: Since | None = None) -> Compared:
    """Compare the directories that are here.

    The archive's also when it is not: no other program takes that away, so it was wiped if its sink has committed anything.
    What a sink has committed must be there; so this works while data flow. ``since`` None: as an operator asks. What is
    before the first offset in the files, and closed files of the file sink that other programs took away, is not missing.

    Raises:
        OSError: a directory cannot be read.
        TimeoutError, KafkaException: the log does not answer.
    """
    found, unchecked = list[Difference](), Counter[str]()
    bounds = _bounds(settings, "archive", since.archive if since else None)
    if since is not None or settings.files.archive.is_dir() or any(bounds.until.values()):
        found.append(archive_side.compare(str(settings.files.archive), _raw(settings), bounds))
    for tally in _of_readings(settings, since):
        difference, not_known = tally.close()
        found.append(difference)
        unchecked[tally.table] += not_known
    return Compared(found, +unchecked)


def _of_readings(settings: Settings, since: Since | None) -> list[Tally]:
    """Both sides of everything that is made of `readings`. The files are read before the log: it has what they have."""
    sides = list[FilesSide | DeviceLogsSide]()
    if since is not None or settings.files.device_logs.is_dir():
        bounds = _bounds(settings, "device-logs", since.device_logs if since else None)
        sides.append(DeviceLogsSide(settings.files.device_logs, bounds))
    if since is not None or settings.files.directory.is_dir():
        bounds = _bounds(settings, "files", since.files if since else None)
        sides.append(FilesSide(settings.files, partial(Mappings.read, settings.kafka), bounds))
    for side in sides:
        side.find()
    for message in scan(settings.kafka, "readings") if sides else ():
        _expect(sides, message)
    return [tally for side in sides for tally in side.tallies()]


def _expect(sides: Sequence[FilesSide | DeviceLogsSide], message: Message) -> None:
    try:
        reading = avro.decode(message.value() or b"", Reading)
    except avro.AvroError:
        return  # a dead letter of each sink
    for side in sides:
        side.expect(message.partition() or 0, message.offset() or 0, reading)


def _raw(settings: Settings) -> Iterator[Archived]:
    for message in scan(settings.kafka, "raw"):
        place = message.partition() or 0, message.offset() or 0
        yield Archived(*place, message.timestamp()[1] * MS, _bytes(message.key()), _bytes(message.value()))


def _bytes(data: str | bytes | None) -> bytes | None:
    return data.encode() if isinstance(data, str) else data


def _bounds(settings: Settings, sink: str, since: Offsets | None) -> Bounds:
    reader = kafka.reader(settings.kafka)
    try:
        begins = begins_of(reader, kafka.topic(settings.kafka, TOPICS[sink]))
    finally:
        reader.close()
    with Commits(settings.kafka) as commits:
        return Bounds(begins, since, commits.of(f"sink-{sink}", TOPICS[sink], begins))
