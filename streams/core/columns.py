"""Rows of separated text -> values of devices, as a layout says. Quoting is that of RFC 4180; empty cells are no values."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from math import isfinite

from msgspec import Struct

from streams.core.json_mapping import scaled
from streams.core.message import Value
from streams.core.options import CsvLayout, Field
from streams.core.times import from_number, from_text

ROW_LIMIT, CELL_LIMIT = 20_000, 200_000
"""of one body: as much as is read within a second or two"""
CELL_LENGTH = 100_000
"""characters; below Python's own limit, which is a setting of the whole process, and so not the same everywhere"""
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,400}\.?[0-9]{0,400}|\.[0-9]{1,400})(?:[eE][+-]?[0-9]{1,4})?").fullmatch
_ZONED = re.compile(r".*(?:[Zz]|[+-][0-9]{2}:?(?:[0-9]{2})?)").fullmatch
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Row(Struct, frozen=True):
    """One row: whose, when (None: it does not say), its values; ``faults`` says what of it is rejected."""

    number: int
    device: str
    time: int | None
    values: list[tuple[Field, float | str]]
    faults: list[tuple[str, str]]

    def at(self, received: int) -> list[Value]:
        """The values, at the row's time or else that of receipt."""
        time = received if self.time is None else self.time
        return [Value(field.name, scaled(content, field), time, field.unit) for field, content in self.values]


def rows(text: str, layout: CsvLayout) -> Iterator[Row]:
    """The rows, without headers, comments and empty ones.

    Raises:
        csv.Error, ValueError: it is no table: a quote, a header that repeats a name, too many rows or cells.
    """
    header = layout.columns
    lines = (line for line in text.splitlines(keepends=True) if not _is_comment(line, layout))
    known, seen = {field.path: field for field in layout.values}, 0
    for number, cells in enumerate(csv.reader(lines, delimiter=layout.delimiter, strict=True), 1):
        check_lengths(cells)
        if not any(cell.strip() for cell in cells):
            continue
        if not header:
            header = tuple(cell.strip() for cell in cells)
            if len(set(header)) < len(header):
                raise ValueError("the header repeats a name")
            continue
        if number > ROW_LIMIT:
            raise ValueError(f"more than {ROW_LIMIT} rows")
        seen += len(cells)
        if seen > CELL_LIMIT:
            raise ValueError(f"more than {CELL_LIMIT} cells")
        yield _row(number, header, [cell.strip() for cell in cells], layout, known)


def check_lengths(cells: Iterable[str]) -> None:
    """Refuse cells that are too long.

    Raises:
        ValueError: one is.
    """
    if any(len(cell) > CELL_LENGTH for cell in cells):
        raise ValueError(f"a cell of more than {CELL_LENGTH} characters")


def _row(number: int, header: Sequence[str], cells: list[str], layout: CsvLayout, known: dict[str, Field]) -> Row:
    if len(cells) > len(header):
        return Row(number, "", None, [], [("bad-row", f"row {number}: {len(cells)} cells in {len(header)} columns")])
    found = {name: cell for name, cell in zip(header, cells, strict=False) if cell}
    device, told = found.pop(layout.device, ""), found.pop(layout.time, None)
    time = None if told is None else moment(told, layout)
    if told is not None and time is None:
        return Row(number, device, None, [], [("bad-time", f"row {number}: {told[:60]!r}")])
    values: list[tuple[Field, float | str]] = []
    faults: list[tuple[str, str]] = []
    for name, cell in found.items():
        if name in layout.ignored:
            continue
        content = cell if name in layout.texts else number_of(cell, decimal_comma=layout.decimal_comma)
        if content is None:
            faults.append(("bad-number", f"row {number}, {name[:60]}: {cell[:60]!r}"))
        else:
            values.append((known.get(name) or Field(path=name, name=name), content))
    return Row(number, device, time, [] if faults and layout.bad_number == "row" else values, faults)


def number_of(text: str, *, decimal_comma: bool = False) -> float | None:
    """A decimal number; None for what is none. ``decimal_comma``: 1.234,5 is 1234.5."""
    plain = text.replace(".", "").replace(",", ".") if decimal_comma else text
    if not _NUMBER(plain):
        return None
    number = float(plain)
    return number if isfinite(number) else None


def moment(text: str, layout: CsvLayout) -> int | None:
    """A row's time, ns since the epoch, UTC; None for what is none."""
    if layout.time_format:
        return _formatted(text, layout)
    number = number_of(text, decimal_comma=layout.decimal_comma)
    if number is not None:
        return from_number(int(text) if text.isascii() and text.isdigit() else number)
    time = from_text(text)
    return time if time is None or _ZONED(text[10:]) else time - layout.utc_offset


def _formatted(text: str, layout: CsvLayout) -> int | None:
    try:
        told = datetime.strptime(text, layout.time_format)  # noqa: DTZ007 - the layout says the zone
        aware = told.replace(tzinfo=UTC) if told.tzinfo is None else told
        since = aware - _EPOCH
    except (ValueError, OverflowError):
        return None
    ns = (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1_000
    return ns if told.tzinfo is not None else ns - layout.utc_offset


def _is_comment(line: str, layout: CsvLayout) -> bool:
    return bool(layout.comment) and line.lstrip().startswith(layout.comment)
