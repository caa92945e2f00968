"""A table as the rows know it."""

import re
from collections.abc import Mapping
from typing import NamedTuple


class Table(NamedTuple):
    """Its name, and the columns that are inserted: name -> type, in the order of the rows."""

    name: str
    columns: dict[str, str]


def unfit(table: Table, found: Mapping[str, str]) -> str | None:
    """Why the table cannot take its rows; ``found``: the columns that it has. None: it was made for them."""
    for name, kind in table.columns.items():
        if name not in found:
            return f"table {table.name} has no column {name}"
        if not _takes(found[name], kind):
            return f"column {name} of table {table.name} is {found[name]}, not {kind}"
    return None


def _takes(theirs: str, ours: str) -> bool:
    return _plain(ours) in {_plain(theirs), _inside(_plain(theirs), "Nullable")}


def _plain(kind: str) -> str:
    """Without what is only a way of storing or of writing it."""
    return _inside(re.sub(r"[\s`]", "", kind), "LowCardinality")


def _inside(kind: str, wrapper: str) -> str:
    return kind[len(wrapper) + 1 : -1] if kind.startswith(f"{wrapper}(") else kind
