"""A table as the rows know it."""

from typing import NamedTuple


class Table(NamedTuple):
    """Its name, and the columns that are inserted: name -> type, in the order of the rows."""

    name: str
    columns: dict[str, str]
