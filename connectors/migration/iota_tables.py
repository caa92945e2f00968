"""IoTa's tables, wherever they are: in PostgreSQL, a dump of it, or files of CSV. Every value is its text, as COPY writes it.

Source of the tables: IoTa's schema, versions 0 to 2.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Protocol

Row = Mapping[str, str | None]

REGISTRY = (
    "sources",
    "physical_devices",
    "logical_devices",
    "physical_logical_map",
    "device_notes",
    "users",
)
RAW = "raw_messages"
NEEDED = ("physical_devices", "logical_devices", "physical_logical_map")
LEFT_OUT = ("physical_timeseries", "device_blobs")
"""What raw messages give again, and what IoTa never used."""

_ESCAPE = re.compile(r"\\(?:([0-7]{1,3})|x([0-9a-fA-F]{1,2})|(.))", re.DOTALL)
_LETTERS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


class Unusable(Exception):
    """These are not IoTa's tables, or they cannot be read; the message says why, without any password."""


class Tables(Protocol):
    """Where they are."""

    def columns(self, table: str) -> list[str]:
        """The table's columns; none when there is no such table."""

    def count(self, table: str) -> int:
        """How many rows it has."""

    def rows(self, table: str) -> Iterator[Row]:
        """Every row, in any order."""

    def raw(self, after: int) -> Iterator[Row]:
        """The rows of ``raw_messages`` with a higher ``uid``, in the order of it."""

    def close(self) -> None:
        """Let go of it."""


def check(tables: Tables) -> None:
    """Raises ``Unusable`` when a table or a column is missing."""
    missing = [table for table in NEEDED if not tables.columns(table)]
    if missing:
        raise Unusable(f"there is no table {', '.join(missing)}: these are not IoTa's tables")
    wanted = {"physical_devices": {"uid", "source_name", "name", "source_ids"}, "logical_devices": {"uid", "name"}}
    wanted |= {"physical_logical_map": {"physical_uid", "logical_uid", "start_time", "end_time"}}
    wanted |= {RAW: {"uid", "source_name", "ts"}} if tables.columns(RAW) else {}
    for table, columns in wanted.items():
        lacking = sorted(columns - set(tables.columns(table)))
        if lacking:
            raise Unusable(f"table {table} has no column {', '.join(lacking)}: these are not IoTa's tables")


def fields(line: bytes) -> list[str | None]:
    """The fields of a line of COPY's text format, without its newline.

    Raises:
        UnicodeDecodeError: the dump is not in UTF-8.
    """
    return [None if field == "\\N" else _unescaped(field) for field in line.decode().split("\t")]


def _unescaped(field: str) -> str:
    return _ESCAPE.sub(_character, field) if "\\" in field else field


def _character(found: re.Match[str]) -> str:
    octal, hexadecimal, letter = found.groups()
    if octal is not None:
        return chr(int(octal, 8))
    return chr(int(hexadecimal, 16)) if hexadecimal is not None else _LETTERS.get(letter, letter)
