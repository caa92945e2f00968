"""Dead letters in the store, each under an id that a person can copy: `stage/partition:offset/index/hash`.

The hash is the store's key for what else tells two letters apart: detail, reason and correlation id.
"""

from collections.abc import Sequence
from typing import Any

import xxhash
from msgspec import Struct

from connectors.sinks.clickhouse.store import Store
from streams.core.records import DeadLetter

COLUMNS = ", ".join(f"`{name}`" for name in DeadLetter.__struct_fields__)
HEX = 8


class Wanted(Struct, frozen=True, kw_only=True):
    """Which letters; what is empty holds for all. ``since``: ns, when they were written or their record was received."""

    stages: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    since: int | None = None


def identity(letter: DeadLetter) -> str:
    """The letter's id; the same for the same content."""
    told = f"{letter.reason}\x1f{letter.correlation_id}\x1f{letter.detail}"
    place = f"{letter.raw_partition}:{letter.raw_offset}" if letter.raw_partition >= 0 else "diverted"
    return f"{letter.stage}/{place}/{letter.index}/{xxhash.xxh64_hexdigest(told.encode())[:HEX]}"


def found(store: Store, wanted: Wanted, limit: int) -> list[DeadLetter]:
    """The newest letters first.

    Raises:
        Transient: the store is away (all functions here).
    """
    where, parameters = _where(wanted)
    question = f"SELECT {COLUMNS} FROM dead_letters FINAL WHERE {where} ORDER BY at DESC, raw_partition, raw_offset DESC, `index` LIMIT {int(limit)}"  # noqa: S608 - names and numbers; values are parameters
    return [_letter(row) for row in store.rows(question, parameters)]


def counts(store: Store, wanted: Wanted) -> list[tuple[str, str, int, int]]:
    """(stage, reason, how many, when the newest was), the most first."""
    where, parameters = _where(wanted)
    question = (
        "SELECT stage, reason, count() AS letters, max(at) FROM dead_letters FINAL "  # noqa: S608 - see above
        f"WHERE {where} GROUP BY stage, reason ORDER BY letters DESC, stage, reason"
    )
    return [(str(row[0]), str(row[1]), int(row[2]), int(row[3])) for row in store.rows(question, parameters)]


def of_record(store: Store, partition: int, offset: int) -> list[DeadLetter]:
    """All letters of one raw record."""
    where = "raw_partition = {partition:Int32} AND raw_offset = {offset:Int64}"
    question = f"SELECT {COLUMNS} FROM dead_letters FINAL WHERE {where} ORDER BY ALL"  # noqa: S608 - see above
    return [_letter(row) for row in store.rows(question, {"partition": partition, "offset": offset})]


def of_id(store: Store, correlation_id: str) -> list[DeadLetter]:
    """All letters with this correlation id; one that was diverted has no other place."""
    question = f"SELECT {COLUMNS} FROM dead_letters FINAL WHERE correlation_id = {{id:String}} ORDER BY ALL"  # noqa: S608 - see above
    return [_letter(row) for row in store.rows(question, {"id": correlation_id})]


def by_identity(store: Store, text: str) -> list[DeadLetter]:
    """The letters that an id, or the beginning of one down to the place, names."""
    stage, _, rest = text.partition("/")
    place, _, _ = rest.partition("/")
    partition, _, offset = place.partition(":")
    if place == "diverted":
        partition, offset = "-1", "-1"
    if not partition.lstrip("-").isdecimal() or not offset.lstrip("-").isdecimal():
        return []
    where = "stage = {stage:String} AND raw_partition = {partition:Int32} AND raw_offset = {offset:Int64}"
    question = f"SELECT {COLUMNS} FROM dead_letters FINAL WHERE {where} ORDER BY ALL"  # noqa: S608 - see above
    parameters = {"stage": stage, "partition": int(partition), "offset": int(offset)}
    letters = [_letter(row) for row in store.rows(question, parameters)]
    return [letter for letter in letters if identity(letter) == text or identity(letter).startswith(f"{text}/")]


def _where(wanted: Wanted) -> tuple[str, dict[str, Any]]:
    lists = {"stage": wanted.stages, "reason": wanted.reasons, "source": wanted.sources, "device": wanted.devices}
    parts = [f"{name} IN {{{name}:Array(String)}}" for name, values in lists.items() if values]
    parameters: dict[str, Any] = {name: list(values) for name, values in lists.items() if values}
    if wanted.since is not None:
        parts.append(f"at >= fromUnixTimestamp64Nano(toInt64({int(wanted.since)}))")
    return " AND ".join(parts) or "1", parameters


def _letter(row: Sequence[Any]) -> DeadLetter:
    return DeadLetter(**dict(zip(DeadLetter.__struct_fields__, row, strict=True)))
