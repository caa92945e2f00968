"""Table `raw_messages` against `raw`: every column of every row, by the record's place and a digest, both ways.

Of a record 16 bytes are kept, of the table a slice. What sink `clickhouse-log` has not committed may be there, or not yet.
"""

from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping

import xxhash
from clickhouse_connect.driver.client import Client
from msgspec import Struct, field

from connectors.sinks.clickhouse.log_rows import RAW, Row
from connectors.verify.compare import Difference
from connectors.verify.live import Ends
from connectors.verify.scope import Scope

SEPARATOR, SLICE, SHOWN = "\x1f", 100_000, 3
RECEIVED = list(RAW.columns).index("received_at")
DIGEST = """
xxHash64(concat(arrayStringConcat(arrayConcat(
    [toString(id), toString(source), toString(transport), address, toString(toUnixTimestamp64Nano(received_at)),
     toString(content_type), toString(connector)],
    arraySort(arrayMap((name, value) -> concat(name, '=', value), mapKeys(headers), mapValues(headers)))
), '\\x1f'), '\\x1f', payload))
"""
ROWS = f"""
SELECT raw_offset, {DIGEST} FROM raw_messages FINAL
WHERE raw_partition = {{partition:Int64}} AND raw_offset >= {{low:UInt64}} AND raw_offset < {{high:UInt64}} AND
"""  # noqa: S608 - of our own text
TOPS = "SELECT raw_partition, max(raw_offset) FROM raw_messages GROUP BY raw_partition"
BEYOND = """
SELECT count(), arraySort(groupArray(3)(raw_offset)) FROM raw_messages FINAL
WHERE raw_partition = {partition:Int64} AND raw_offset >= {low:UInt64} AND raw_offset <= {top:UInt64} AND
"""


def digest(row: Row) -> int:
    """What the row says beside its place, as ``DIGEST`` has it; headers have no order."""
    _, _, *said, received_at, content_type, headers, connector, payload = row
    named = sorted(f"{name}={value}".encode() for name, value in headers.items())
    parts = [part.encode() for part in (*said, str(received_at), content_type, connector)]
    return xxhash.xxh64_intdigest(SEPARATOR.encode().join([*parts, *named, payload]))


class Rows(Struct):
    """What the table must say of the records that were read, in their order: partition -> offsets, and digests."""

    offsets: dict[int, "array[int]"] = field(default_factory=lambda: defaultdict(lambda: array("Q")))
    digests: dict[int, "array[int]"] = field(default_factory=lambda: defaultdict(lambda: array("Q")))

    def take(self, row: Row, scope: Scope) -> None:
        """One more, if it is meant; of which device a row is, the table does not say."""
        if scope.device is not None or not scope.takes_time(row[RECEIVED]):
            return
        self.offsets[row[0]].append(row[1])
        self.digests[row[0]].append(digest(row))

    def between(self, partition: int, low: int, high: int) -> dict[int, int]:
        """Offset -> digest."""
        offsets = self.offsets[partition]
        part = slice(bisect_left(offsets, low), bisect_left(offsets, high))
        return dict(zip(offsets[part], self.digests[partition][part], strict=True))


class Judge:
    """Compares slice by slice. ``committed``: up to where rows must be there; ``refused``: places of which none must."""

    def __init__(self, committed: Ends, refused: Collection[tuple[int, int]]) -> None:
        self._committed, self._refused = committed, refused
        self._examples: dict[str, list[str]] = {"missing": [], "extra": [], "wrong": []}
        self._counts = dict.fromkeys(("expected", "missing", "extra", "wrong"), 0)
        self.behind = 0
        """rows that are not there, and need not be yet"""

    def compare(self, partition: int, expected: Mapping[int, int], found: Mapping[int, int]) -> None:
        """The rows of a partition between two offsets."""
        end = self._committed.get(partition, 0)
        absent = [offset for offset in expected if offset not in found]
        awaited = [offset for offset in absent if (partition, offset) not in self._refused]
        missing = [offset for offset in awaited if offset < end]
        self.behind += len(awaited) - len(missing)
        self._counts["expected"] += len(expected) - len(absent) + len(missing)
        self.tell("missing", partition, missing)
        self.tell("extra", partition, [offset for offset in found if offset not in expected])
        self.tell("wrong", partition, [o for o, said in expected.items() if found.get(o, said) != said])

    def tell(self, what: str, partition: int, offsets: Collection[int], count: int | None = None) -> None:
        """So many are ``what``; ``offsets``: all, or some of them."""
        self._counts[what] += len(offsets) if count is None else count
        told = [f"{what} raw {partition}, offset {offset}" for offset in sorted(offsets)[:SHOWN]]
        self._examples[what] = (self._examples[what] + told)[:SHOWN]

    def difference(self) -> Difference:
        """What differs."""
        return Difference(RAW.name, **self._counts, examples=tuple(e for told in self._examples.values() for e in told))


def look(client: Client, rows: Rows, floors: Ends, ends: Ends, scope: Scope, judge: Judge) -> dict[int, int]:
    """Compare the rows from ``floors`` to ``ends``; what the store has had behind them: partition -> the highest offset."""
    condition, given = scope.conditions("received_at", "")
    for partition, low, high in _slices(floors, ends):
        asked = {**given, "partition": partition, "low": low, "high": high}
        found = {offset: said for offset, said in client.query(f"{ROWS} {condition}", asked).result_rows}  # noqa: C416
        judge.compare(partition, rows.between(partition, low, high), found)
    return {partition: top for partition, top in client.query(TOPS).result_rows if top >= ends.get(partition, 0)}


def beyond(client: Client, tops: Ends, now: Ends, scope: Scope, judge: Judge) -> None:
    """Rows that stood there before `raw` had come to ``now``, of records that it does not have."""
    condition, given = scope.conditions("received_at", "")
    for partition, top in tops.items():
        asked = {**given, "partition": partition, "low": now.get(partition, 0), "top": top}
        ((count, some),) = client.query(f"{BEYOND} {condition}", asked).result_rows
        judge.tell("extra", partition, some, count)


def _slices(floors: Ends, ends: Ends) -> Iterator[tuple[int, int, int]]:
    for partition, end in ends.items():
        for low in range(floors.get(partition, 0), end, SLICE):
            yield partition, low, min(low + SLICE, end)
