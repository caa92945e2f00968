"""Dumps and folders of CSV hold IoTa's tables; other files are refused in one sentence."""

import gzip
from pathlib import Path

import pytest

from connectors.migration import iota_dump, iota_tables
from connectors.migration.files import Unreadable
from connectors.migration.iota_tables import Unusable
from tests.connectors.migration import iota

EXPECTED = {
    table: [dict(zip(columns, map(iota.text, row), strict=True)) for row in rows]
    for table, (columns, rows) in iota.TABLES.items()
}


def written(folder: Path, content: bytes, name: str = "iota.sql") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("packed", [False, True])
def test_a_dump_gives_every_row_as_it_was(tmp_path: Path, packed: bool) -> None:
    content = iota.dump()
    tables = iota_dump.opened(written(tmp_path, gzip.compress(content) if packed else content))

    for table, rows in EXPECTED.items():
        assert list(tables.rows(table)) == rows
        assert tables.count(table) == len(rows)
    assert tables.columns("no_such_table") == []
    iota_tables.check(tables)


def test_a_folder_of_csv_gives_every_row_as_it_was(tmp_path: Path) -> None:
    tables = iota_dump.opened(iota.csv_folder(tmp_path / "csv"))

    for table, rows in EXPECTED.items():
        assert list(tables.rows(table)) == rows
        assert tables.count(table) == len(rows)


def test_raw_messages_come_by_uid_from_where_it_was_left(tmp_path: Path) -> None:
    columns, rows = iota.TABLES["raw_messages"]
    content = iota.dump({"raw_messages": (columns, [rows[2], rows[0], rows[3], rows[1]])})

    plain = iota_dump.opened(written(tmp_path, content))
    packed = iota_dump.opened(written(tmp_path, gzip.compress(content), "iota.sql.gz"))

    assert [row["uid"] for row in plain.raw(0)] == ["1", "2", "3", "5"]
    assert [row["uid"] for row in plain.raw(2)] == ["3", "5"]
    with pytest.raises(Unusable, match="unpack the dump first"):
        list(packed.raw(0))


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"PGDMP\x01\x0e\x00", "is a dump in PostgreSQL's custom format: convert it with `pg_restore -f dump.sql "),
        (b"toc.dat" + bytes(300), "is a dump in tar format: convert it with `pg_restore -f dump.sql "),
        (
            b"INSERT INTO sources VALUES ('ttn');\n",
            "holds no COPY blocks: it is no plain pg_dump, or one made with --inserts",
        ),
        (b"", "holds no COPY blocks"),
        (b"COPY public.users (uid, username) FROM stdin;\n1\tann\n", "ends amid table users: it is not complete"),
        (iota.dump()[:-10], "does not end as pg_dump ends its dumps: it is not complete"),
        (gzip.compress(b"x" * 1000, mtime=0)[:-9], "cannot be unpacked to its end"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: bytes, fault: str) -> None:
    with pytest.raises((Unusable, Unreadable)) as refused:
        iota_dump.opened(written(tmp_path, content))

    assert fault in str(refused.value)


def test_a_dump_in_directory_format_and_an_empty_folder_are_refused(tmp_path: Path) -> None:
    for name, fault in (("toc.dat", "is a dump in directory format"), ("x.txt", "holds no files <table>.csv")):
        folder = tmp_path / name.replace(".", "-")
        folder.mkdir()
        written(folder, b"", name)
        with pytest.raises(Unusable, match=fault):
            iota_dump.opened(folder)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"COPY public.users (uid, username) FROM stdin;\n\\.\n", "there is no table physical_devices"),
        (
            b"".join(
                b"COPY %s FROM stdin;\n\\.\n" % table
                for table in (
                    b"physical_devices (uid)",
                    b"logical_devices (uid, name)",
                    b"physical_logical_map (start_time)",
                )
            ),
            "table physical_devices has no column name, source_ids, source_name",
        ),
    ],
)
def test_another_database_is_refused(tmp_path: Path, content: bytes, fault: str) -> None:
    with pytest.raises(Unusable, match=fault):
        iota_tables.check(iota_dump.opened(written(tmp_path, content)))


def test_rows_that_do_not_fit_are_said(tmp_path: Path) -> None:
    ragged = iota_dump.opened(written(tmp_path, b"COPY users (uid, username) FROM stdin;\n1\n\\.\n"))
    latin = iota_dump.opened(written(tmp_path, b"COPY users (uid, username) FROM stdin;\n1\t\xe9\n\\.\n", "latin.sql"))

    with pytest.raises(Unusable, match="has not as many fields"):
        list(ragged.rows("users"))
    with pytest.raises(Unusable, match="is not in UTF-8"):
        list(latin.rows("users"))


def test_escapes_of_copy() -> None:
    assert iota_tables.fields(rb"a\tb" + b"\t" + rb"\\N" + b"\t" + rb"\N" + b"\t" + rb"\101\x42\q") == [
        "a\tb",
        "\\N",
        None,
        "ABq",
    ]
