"""Points at other logical devices than the mapping says: what `streams.core.place.place` gives, as steps for SQL."""

from collections.abc import Iterator, Sequence
from string import Template

import sql
from connectors.sinks.clickhouse.replay.lookup import offset_conditions, point_conditions, texts
from connectors.sinks.clickhouse.replay.tables import Tables
from connectors.sinks.clickhouse.store import Store
from streams.core.place import place
from streams.core.records import DeviceMapping
from streams.replay.selection import Selection

PORTION = 2000
"""steps in a statement"""
Step = tuple[int, int]
"""ns from which on a device stands at a logical device; 0: at none"""


def steps(mapping: DeviceMapping) -> list[Step]:
    """Where a device stands, from 1970 on: until the next step. Pauses and gaps are at 0."""
    starts = sorted({0, *(moment for moment in _moments(mapping) if moment > 0)})
    found: list[Step] = []
    for start in starts:
        uid = place(mapping, start) or 0
        if not found or found[-1][1] != uid:
            found.append((start, uid))
    return found


def misplaced(store: Store, mappings: Sequence[DeviceMapping]) -> int:
    """How many points that stand are at another logical device than these mappings say."""
    return sum(
        store.rows(f"SELECT count() FROM ({_statement(portion, '1')}) WHERE logical_uid != before_uid")[0][0]  # noqa: S608 - made here
        for portion in _portions(mappings)
    )


def stage(tables: Tables, mappings: Sequence[DeviceMapping], selection: Selection) -> int:
    """Stage the points that stand elsewhere, at the place of now; returns how many points were looked at.

    Raises:
        Transient: do it again.
        ValueError: the selection asks what stored points do not tell.
    """
    fits = _fits(selection)
    tables.remake("staged")
    looked = 0
    for portion in _portions(mappings):
        rows = _statement(portion, fits)
        looked += tables.store.rows(f"SELECT count() FROM ({rows})")[0][0]  # noqa: S608 - made here
        tables.store.command(
            f"INSERT INTO {tables.name('staged')} (series_id, ts, value, text, quality, logical_uid, version) "  # noqa: S608 - as above
            "SELECT series_id, ts, value, text, quality, logical_uid, version "
            f"FROM ({rows}) WHERE logical_uid != before_uid{_at(selection)}"
        )
    return looked


def _fits(selection: Selection) -> str:
    if selection.codecs or (selection.received_from, selection.received_until) != (None, None):
        raise ValueError("mode place cannot select by codec or time of receipt: stored points do not tell them")
    times = Selection(time_from=selection.time_from, time_until=selection.time_until)
    conditions = [*point_conditions(times), *offset_conditions(selection)]
    if selection.sources:
        conditions.append(f"series_id IN (SELECT series_id FROM series WHERE source IN ({texts(selection.sources)}))")  # noqa: S608 - literals
    return " AND ".join(conditions) or "1"


def _at(selection: Selection) -> str:
    """A point fits that stands at one of the logical devices, or should."""
    uids = ", ".join(map(str, selection.logical))
    return f" AND (logical_uid IN ({uids}) OR before_uid IN ({uids}))" if uids else ""


def _moments(mapping: DeviceMapping) -> Iterator[int]:
    for interval in mapping.intervals:
        pauses = ((pause.start, pause.end) for pause in interval.pauses)
        for start, end in ((interval.start, interval.end), *pauses):
            yield start
            if end is not None:
                yield end


def _portions(mappings: Sequence[DeviceMapping]) -> Iterator[list[tuple[str, int, int]]]:
    """(device, from, uid), all of a device together."""
    portion: list[tuple[str, int, int]] = []
    for mapping in mappings:
        portion += [(mapping.device, start, uid) for start, uid in steps(mapping)]
        if len(portion) >= PORTION:
            yield portion
            portion = []
    if portion:
        yield portion


def _statement(portion: Sequence[tuple[str, int, int]], fits: str) -> str:
    segments = ", ".join(f"({texts([device])}, {start}, {uid})" for device, start, uid in portion)
    return Template(sql.query("replay_places")).substitute(segments=segments, fits=fits)
