"""The raw archive against `raw`: every record byte for byte, both ways, as far as Kafka and the archive both reach."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec
from msgspec import structs

from connectors.verify.bounds import Bounds
from connectors.verify.compare import Difference
from connectors.verify.tally import Tally
from streams import archive
from streams.archive import Archived, Hole


def compare(url: str, raw: Iterable[Archived], bounds: Bounds) -> Difference:
    """Compare every record that Kafka has with what stands in the files; ``raw`` is read after them.

    Raises:
        OSError: the archive cannot be read.
    """
    tally = Tally("archive")
    firsts = {p: archive.begins(url, p) for p in bounds.begins}
    wiped = _wiped(firsts, bounds)
    for partition in wiped:
        _expect_forgotten(tally, partition, bounds)
    for partition, begin in bounds.begins.items():
        for found in archive.contents(url, partition):
            _find(tally, found, begin)
    for record in raw:
        must = bounds.must(record.partition, record.offset, firsts.get(record.partition) or 0)
        tally.expect(_key(record), msgspec.msgpack.encode(record), may_lack=not must)
    difference, _ = tally.close()
    return structs.replace(difference, examples=(*_told(wiped, bounds), *difference.examples))


def _wiped(firsts: Mapping[int, int | None], bounds: Bounds) -> list[int]:
    """Partitions of which there is no file, nor a manifest that told of one, though the sink has committed records.

    Of files that are taken away one by one the manifest stays, and the sink begins at the first offset: it is no late beginning.
    """
    empty = [partition for partition, first in firsts.items() if first is None and bounds.until.get(partition, 0)]
    return empty if bounds.since is None else []


def _expect_forgotten(tally: Tally, partition: int, bounds: Bounds) -> None:
    """What Kafka has deleted is not read from it, and nowhere now."""
    if begin := min(bounds.begins[partition], bounds.until[partition]):
        tally.expect(f"raw {partition}, everything in front of offset {begin}, which Kafka no longer has")


def _told(wiped: Sequence[int], bounds: Bounds) -> Iterator[str]:
    if wiped:
        committed, names = sum(bounds.until[p] for p in wiped), ", ".join(map(str, wiped))
        yield f"holds nothing of raw {names}, though {committed} record(s) of it were committed"


def _find(tally: Tally, found: Archived | Hole, begin: int) -> None:
    if isinstance(found, Hole):
        tally.find(f"raw {found.partition}, {found.why}")
    elif found.offset >= begin:
        tally.find(_key(found), msgspec.msgpack.encode(found))


def _key(record: Archived) -> str:
    return f"raw {record.partition}, offset {record.offset}"
