"""Which raw records a selection is about, as far as the store can tell."""

from collections.abc import Iterable

from connectors.sinks.clickhouse.replay.tables import Tables
from connectors.sinks.clickhouse.store import Store
from streams.replay.runs import Runs
from streams.replay.selection import Selection


def lineages(store: Store, selection: Selection) -> Runs:
    """Raw records of which a stored point, also a hidden one, fits what is asked of points.

    The store does not know by which codec a point was decoded: where codecs are asked for, no stored point fits.
    """
    if selection.codecs:
        return Runs()
    conditions = [*_series(selection), *point_conditions(selection), *offset_conditions(selection)]
    return _runs(store, "points", conditions)


def dead_letter_lineages(store: Store, selection: Selection) -> Runs:
    """Raw records that ended as dead letters of these stages and reasons; of any, where none are named."""
    conditions = ["raw_partition >= 0", *offset_conditions(selection)]
    if selection.stages:
        conditions.append(f"stage IN ({texts(selection.stages)})")
    if selection.reasons:
        conditions.append(f"reason IN ({texts(selection.reasons)})")
    return _runs(store, "dead_letters", conditions)


def point_conditions(selection: Selection) -> list[str]:
    """Conditions on logical device and time."""
    conditions = []
    if selection.logical:
        conditions.append(f"logical_uid IN ({', '.join(map(str, selection.logical))})")
    if selection.time_from is not None:
        conditions.append(f"ts >= fromUnixTimestamp64Nano(toInt64({selection.time_from}))")
    if selection.time_until is not None:
        conditions.append(f"ts < fromUnixTimestamp64Nano(toInt64({selection.time_until}))")
    return conditions


def offset_conditions(selection: Selection) -> list[str]:
    """A condition on the raw record's place, if one is asked for."""
    if not selection.offsets:
        return []
    ranges = (
        f"(raw_partition = {int(partition)} AND raw_offset >= {first} AND raw_offset < {end})"
        for partition, (first, end) in selection.offsets.items()
    )
    return [f"({' OR '.join(ranges)})"]


def texts(values: Iterable[str]) -> str:
    """SQL literals."""
    return ", ".join("'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'" for value in values)


def _series(selection: Selection) -> list[str]:
    if not selection.devices:
        return []
    return [f"series_id IN (SELECT series_id FROM series WHERE device IN ({texts(selection.devices)}))"]  # noqa: S608 - literals


def _runs(store: Store, table: str, conditions: Iterable[str]) -> Runs:
    where = " AND ".join(conditions) or "1"
    wanted = f"SELECT DISTINCT raw_partition, raw_offset FROM {table} WHERE {where}"  # noqa: S608 - made here
    statement = Tables(store, 0).statement("lineages", lineages=wanted)
    return Runs((partition, first, last) for partition, first, last in store.rows(statement))
