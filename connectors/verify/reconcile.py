"""What the store may hold after replays, pure: expected rows, with those set aside that this code cannot judge.

The rule: value, text, quality, logical device and lineage must be those that this code makes of `raw`. The generation is
that of live decoding, or of a replay. What cannot be judged (``Origins.doubt``) is taken as it is, counted, and named.
`latest` must show the newest of all these points.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import replace

from connectors.verify.expected import Contents, LetterKey, Newest, Point, PointKey
from connectors.verify.origins import OTHER_CODE, Origins
from streams.core.identity import version_parts
from streams.core.records import Lineage
from streams.replay.runs import Runs

ELSEWHERE = "kept against a replay, because a record of another raw partition wrote them"


class Judged(Struct, frozen=True):
    """What to compare the store with, and what was set aside: reason -> how many points."""

    contents: Contents
    unchecked: Counter[str]


def reconcile(
    expected: Contents,
    unsure: Runs,
    found: Contents,
    origins: Origins,
    withdrawn: Mapping[PointKey, int],
    cut: Mapping[PointKey, Point] = MappingProxyType({}),
) -> Judged:
    """Expected points and dead letters, as they may be in the store.

    ``unsure``: raw records that other code decoded live, and no replay since has certainly decoded by this code.
    ``withdrawn``: keys whose highest row is a tombstone, and its version. ``cut``: points of records whose codec was cut,
    which may be there, because the record was read again, or a replay has decoded it.
    """
    judge = _Judge(expected.masked, unsure, origins, withdrawn)
    points = {k: p for k, e in expected.points.items() if (p := judge.expected(k, e, found.points.get(k))) is not None}
    extra = ((k, p) for k, p in found.points.items() if k not in expected.points)
    points |= {k: p for k, p in extra if _same(cut.get(k), p) or judge.set_aside(origins.doubt(p.version))}
    letters = _letters(expected.dead_letters, unsure, found.dead_letters, origins)
    return Judged(Contents(points=points, dead_letters=letters), judge.unchecked)


def shown(expected: Mapping[int, Newest], found: Mapping[int, Newest], origins: Origins) -> dict[int, Newest]:
    """What `latest` must show, where ``expected`` are the newest of the points that may be in the store.

    A row of the same content is right where it would be so in `points`, too. It can have a higher generation than its
    point: lost points come back as live decoding makes them.
    """
    pairs = ((series, newest, found.get(series, newest)) for series, newest in expected.items())
    return {series: other if _shows(origins, newest, other) else newest for series, newest, other in pairs}


def _shows(origins: Origins, newest: Newest, found: Newest) -> bool:
    return newest.time == found.time and _stands_for(origins, newest.point, found.point)


def _same(one: Point | None, found: Point) -> bool:
    return one is not None and replace(one, version=found.version) == found


def _stands_for(origins: Origins, expected: Point, found: Point) -> bool:
    """Whether the row has the same content, and may be in the place of the expected one.

    A replay leaves what is the same already as it is, and a worker that had not heard of a generation for some
    milliseconds has written the one before: a lower generation is no fault where the content is right.
    """
    if not _same(expected, found):
        return False
    (wanted, lineage), (generation, other) = version_parts(expected.version), version_parts(found.version)
    if lineage != other:
        return origins.replayed(lineage) and origins.replayed(other)
    return generation <= wanted or origins.decodes_alike(generation)


class _Judge:
    def __init__(
        self,
        masked: Mapping[PointKey, Sequence[Point]],
        unsure: Runs,
        origins: Origins,
        withdrawn: Mapping[PointKey, int],
    ) -> None:
        self._masked, self._unsure, self._origins, self._withdrawn = masked, unsure, origins, withdrawn
        self.unchecked: Counter[str] = Counter()

    def expected(self, key: PointKey, expected: Point, found: Point | None) -> Point | None:
        """The point that must be there; None where none may be."""
        if expected == found:
            return expected
        if found is None:
            return None if self.set_aside(self._absence(key, expected)) else expected
        if _stands_for(self._origins, expected, found):
            return found
        return found if self.set_aside(self._doubt(key, expected, found)) else expected

    def set_aside(self, reason: str) -> bool:
        """Count what cannot be judged; an empty reason is none."""
        if reason:
            self.unchecked[reason] += 1
        return bool(reason)

    def _absence(self, key: PointKey, expected: Point) -> str:
        lineage = version_parts(expected.version)[1]
        if (lineage.partition, lineage.offset) in self._unsure:
            return OTHER_CODE
        tombstone = self._withdrawn.get(key)
        return self._origins.doubt(tombstone) if tombstone is not None else ""

    def _doubt(self, key: PointKey, expected: Point, found: Point) -> str:
        doubt = self._origins.doubt(found.version)
        lineage = version_parts(expected.version)[1]
        sure = (lineage.partition, lineage.offset) not in self._unsure
        if doubt and not (sure and expected.version > found.version):
            return doubt
        return ELSEWHERE if self._elsewhere(key, lineage, found) else ""

    def _elsewhere(self, key: PointKey, lineage: Lineage, found: Point) -> bool:
        """Whether the point is another record's, of another raw partition, and a replay chose between the two."""
        other = version_parts(found.version)[1]
        masked = (replace(point, version=found.version) for point in self._masked.get(key, ()))
        if lineage.partition == other.partition or found not in masked:
            return False
        return self._origins.replayed(lineage) or self._origins.replayed(other)


def _letters(
    expected: Counter[LetterKey], unsure: Runs, found: Counter[LetterKey], origins: Origins
) -> Counter[LetterKey]:
    """Letters of records that other code decoded, or a replay decoded again, may be there besides, or be missing."""
    kept = Counter({key: 1 for key in expected if key in found or (key[2], key[3]) not in unsure})
    kept.update({key: 1 for key in found if key not in expected and _history(key, unsure, origins)})
    return kept


def _history(key: LetterKey, unsure: Runs, origins: Origins) -> bool:
    lineage = Lineage(key[2], key[3])
    gone = lineage.offset < origins.begins.get(lineage.partition, 0)
    return gone or (key[2], key[3]) in unsure or not origins.own(lineage) or origins.replayed(lineage)
