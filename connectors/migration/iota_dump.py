"""A dump of IoTa's database in plain SQL (`pg_dump`, packed or not), or a folder with a CSV file for each table."""

import csv
import re
from array import array
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct

from connectors.migration import files
from connectors.migration.iota_tables import RAW, Row, Tables, Unusable, fields

_COPY = re.compile(rb'COPY (?:"?\w+"?\.)?"?(\w+)"? \(([^)]*)\) FROM stdin;\s*')
BEGUN, COMPLETE = b"-- PostgreSQL database dump", b"-- PostgreSQL database dump complete"
CUSTOM, TAR_NAME = b"PGDMP", b"toc.dat"
CONVERT = "convert it with `pg_restore -f dump.sql {}`, or dump with `pg_dump --format=plain`"


def opened(path: Path) -> Tables:
    """The tables in a dump or a folder.

    Raises:
        Unusable: it is neither.
        files.Unreadable: it cannot be read to its end.
    """
    if path.is_dir():
        if (path / "toc.dat").exists():
            raise Unusable(f"{path} is a dump in directory format: {CONVERT.format(path)}")
        return CsvFolder(path)
    with files.reading(path) as content:
        start = content.read(262)
    if start.startswith(CUSTOM):
        raise Unusable(f"{path} is a dump in PostgreSQL's custom format: {CONVERT.format(path)}")
    if start.startswith(TAR_NAME) or start[257:] == b"ustar":
        raise Unusable(f"{path} is a dump in tar format: {CONVERT.format(path)}")
    return Dump(path)


class _Block(Struct):
    """One table's rows in the file; ``start`` is the place of the first, ``ordered``: by uid, as far as there is one."""

    columns: list[str]
    start: int
    count: int = 0
    ordered: bool = True


class Dump:
    """See ``Tables``. The file is read once to find the tables, and again for each of them."""

    def __init__(self, path: Path) -> None:
        self._path, self._packed = path, files.is_packed(path)
        self._blocks: dict[str, _Block] = {}
        with files.reading(path) as content:
            self._find(content)
        if not self._blocks:
            raise Unusable(
                f"{path} holds no COPY blocks: it is no plain pg_dump, or one made with --inserts or --schema-only"
            )

    def columns(self, table: str) -> list[str]:
        """See ``Tables``."""
        return self._blocks[table].columns if table in self._blocks else []

    def count(self, table: str) -> int:
        """See ``Tables``."""
        return self._blocks[table].count if table in self._blocks else 0

    def rows(self, table: str) -> Iterator[Row]:
        """See ``Tables``."""
        if table in self._blocks:
            block = self._blocks[table]
            for line in self._lines(block):
                yield self._row(table, line)

    def raw(self, after: int) -> Iterator[Row]:
        """See ``Tables``."""
        block = self._blocks.get(RAW)
        if block is None:
            return
        place = block.columns.index("uid")
        lines = self._lines(block) if block.ordered else self._in_order(block, place)
        for line in lines:
            if _uid(line, place) > after:
                yield self._row(RAW, line)

    def close(self) -> None:
        """See ``Tables``."""

    def _find(self, content: BinaryIO) -> None:
        at, begun, complete = 0, 0, 0
        lines = iter(content)
        for line in lines:
            at += len(line)
            begun, complete = begun + (line.rstrip() == BEGUN), complete + (line.rstrip() == COMPLETE)
            found = _COPY.fullmatch(line) if line.startswith(b"COPY ") else None
            if found:
                at = self._measure(found, at, lines)
        if begun > complete:
            raise Unusable(f"{self._path} does not end as pg_dump ends its dumps: it is not complete")

    def _measure(self, found: re.Match[bytes], start: int, lines: Iterator[bytes]) -> int:
        columns = [name.strip().strip('"') for name in found[2].decode().split(",")]
        block = self._blocks[found[1].decode()] = _Block(columns, start)
        place, at, last = columns.index("uid") if "uid" in columns else -1, start, -1
        for line in lines:
            at += len(line)
            if line.rstrip(b"\r\n") == b"\\.":
                return at
            block.count += 1
            if place >= 0:
                uid = _uid(line, place)
                block.ordered, last = block.ordered and uid > last, uid
        raise Unusable(f"{self._path} ends amid table {found[1].decode()}: it is not complete")

    def _lines(self, block: _Block) -> Iterator[bytes]:
        with files.reading(self._path) as content:
            _go_to(content, block.start)
            yield from islice(content, block.count)

    def _in_order(self, block: _Block, place: int) -> Iterator[bytes]:
        if self._packed:
            raise Unusable(
                f"{self._path}: the raw messages are not in the order of their uid, so unpack the dump first"
            )
        uids, places, at = array("q"), array("q"), block.start
        for line in self._lines(block):
            uids.append(_uid(line, place))
            places.append(at)
            at += len(line)
        with files.reading(self._path) as content:
            for index in sorted(range(len(uids)), key=uids.__getitem__):
                content.seek(places[index])
                yield content.readline()

    def _row(self, table: str, line: bytes) -> Row:
        columns = self._blocks[table].columns
        try:
            return dict(zip(columns, fields(line.rstrip(b"\r\n")), strict=True))
        except UnicodeDecodeError:
            raise Unusable(f"{self._path} is not in UTF-8: dump with `pg_dump --encoding=UTF8`") from None
        except ValueError:
            raise Unusable(f"{self._path}: a row of {table} has not as many fields as the table has columns") from None


class CsvFolder:
    """See ``Tables``. Files `<table>.csv` with a header; an empty field is NULL."""

    def __init__(self, path: Path) -> None:
        self._path = path
        if not any(path.glob("*.csv")):
            raise Unusable(f"{path} holds no files <table>.csv")
        csv.field_size_limit(1 << 30)  # of the whole process; decoders have a limit of their own

    def columns(self, table: str) -> list[str]:
        """See ``Tables``."""
        file = self._path / f"{table}.csv"
        if not file.exists():
            return []
        with file.open(newline="", encoding="utf-8-sig") as lines:
            return next(csv.reader(lines), [])

    def count(self, table: str) -> int:
        """See ``Tables``."""
        return sum(1 for _ in self.rows(table))

    def rows(self, table: str) -> Iterator[Row]:
        """See ``Tables``."""
        columns = self.columns(table)
        if not columns:
            return
        try:
            with (self._path / f"{table}.csv").open(newline="", encoding="utf-8-sig") as lines:
                for values in islice(csv.reader(lines), 1, None):
                    yield {name: value or None for name, value in zip(columns, values, strict=True)}
        except ValueError:
            raise Unusable(
                f"{self._path / table}.csv has a row that is not as wide as its header, or not UTF-8"
            ) from None

    def raw(self, after: int) -> Iterator[Row]:
        """See ``Tables``; reads all of them to sort them."""
        found = [row for row in self.rows(RAW) if int(row["uid"] or 0) > after]
        yield from sorted(found, key=lambda row: int(row["uid"] or 0))

    def close(self) -> None:
        """See ``Tables``."""


def _uid(line: bytes, place: int) -> int:
    try:
        return int(line.split(b"\t", place + 1)[place])
    except (ValueError, IndexError):
        raise Unusable("a row of the dump has no number for its uid") from None


def _go_to(content: BinaryIO, place: int) -> None:
    try:
        content.seek(place)
    except OSError:
        raise Unusable("the dump cannot be read again from the middle: unpack it first") from None
