"""The raw archive against `raw`: every record byte for byte, both ways, as far as Kafka and the archive both reach."""

from collections.abc import Iterable

import msgspec

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
    for partition, begin in bounds.begins.items():
        for found in archive.contents(url, partition):
            _find(tally, found, begin)
    for record in raw:
        first = firsts.get(record.partition)
        must = bounds.must(record.partition, record.offset, record.offset + 1 if first is None else first)
        tally.expect(_key(record), msgspec.msgpack.encode(record), may_lack=not must)
    return tally.close()[0]


def _find(tally: Tally, found: Archived | Hole, begin: int) -> None:
    if isinstance(found, Hole):
        tally.find(f"raw {found.partition}, {found.why}")
    elif found.offset >= begin:
        tally.find(_key(found), msgspec.msgpack.encode(found))


def _key(record: Archived) -> str:
    return f"raw {record.partition}, offset {record.offset}"
