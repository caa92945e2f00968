"""IoTa's tables in a real PostgreSQL, and dumps that its own program writes of them."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from psycopg import sql
from psycopg.types.json import Jsonb

from connectors.migration import iota_dump
from connectors.migration.iota_postgres import Postgres
from connectors.migration.iota_tables import Unusable
from tests import postgres
from tests.connectors.migration import iota
from tests.ports import free_port

TABLES = {table: (columns, [row for row in rows if 999 not in row]) for table, (columns, rows) in iota.TABLES.items()}
"""Without the note that a foreign key forbids."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with postgres.running(free_port()) as started:
        fill(started)
        yield started


@pytest.fixture
def tables(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Postgres]:
    monkeypatch.setenv("PGPASSWORD", postgres.PASSWORD)
    opened = Postgres(url)
    yield opened
    opened.close()


def fill(url: str) -> None:
    with postgres.connected(url) as connection:
        connection.execute(iota.SCHEMA.encode())
        for table, (columns, rows) in TABLES.items():
            query = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
                sql.Identifier(table),
                sql.SQL(", ").join(map(sql.Identifier, columns)),
                sql.SQL(", ").join(sql.Placeholder() for _ in columns),
            )
            for row in rows:
                connection.execute(query, [Jsonb(v) if isinstance(v, (dict, list)) else v for v in row])


def in_utc(row: dict[str, str | None]) -> dict[str, str | None]:
    return {
        name: "2024-05-10 23:00:00+00" if value == "2024-05-11 09:00:00+10" else value for name, value in row.items()
    }


def test_the_server_and_its_dumps_say_what_was_put_in(url: str, tables: Postgres, tmp_path: Path) -> None:
    plain = iota_dump.opened(postgres.dumped(url, tmp_path / "iota.sql"))

    for table, (columns, rows) in TABLES.items():
        expected = [in_utc(dict(zip(columns, map(iota.text, row), strict=True))) for row in rows]
        assert list(tables.rows(table)) == expected
        assert tables.count(table) == len(rows)
        assert list(plain.rows(table)) == expected
    assert [row["uid"] for row in tables.raw(2)] == [row["uid"] for row in plain.raw(2)] == ["3", "5", "6", "7"]
    assert tables.columns("no_such_table") == []


@pytest.mark.parametrize(("form", "name"), [("custom", "custom"), ("tar", "tar"), ("directory", "directory")])
def test_its_other_dumps_are_refused_and_it_says_what_to_do(url: str, tmp_path: Path, form: str, name: str) -> None:
    file = postgres.dumped(url, tmp_path / "iota.dump", f"--format={form}")

    with pytest.raises(Unusable, match=rf"is a dump in .*{name}.*format: convert it with `pg_restore -f dump\.sql "):
        iota_dump.opened(file)


def test_nothing_can_be_written_through_it(tables: Postgres) -> None:
    with pytest.raises(Unusable, match="read-only transaction"):
        tables._asked("DELETE FROM users RETURNING uid")


@pytest.mark.parametrize(
    ("wrong", "fault"),
    [
        ("postgresql://iota:{secret}@127.0.0.1:{port}/postgres", "password authentication failed"),
        ("postgresql://iota:{secret}@127.0.0.1:{port}/nothing", "failed"),
        ("postgresql://iota:{secret}@127.0.0.1:1/postgres", "cannot be read"),
        ("postgresql://iota:{secret}@no.such.host.invalid/postgres", "cannot be read"),
        ("postgresql://iota:a@{secret}@127.0.0.1/postgres", "write @"),
        ("postgresql://iota:{secret}@127.0.0.1:port/postgres", "--pg takes"),
        ("mysql://iota:{secret}@127.0.0.1/postgres", "--pg takes"),
        ("postgresql://iota:{secret}@127.0.0.1:{port}/postgres?sslmode={secret}", "cannot be read"),
        ("postgresql://iota@127.0.0.1:{port}/postgres?password={secret}&sslmode={secret}", "cannot be read"),
    ],
)
def test_a_fault_never_shows_the_password(url: str, wrong: str, fault: str) -> None:
    port = url.rpartition(":")[2].partition("/")[0]
    secret = "hunter2%2F"
    told = wrong.format(secret=secret, port=port)

    with pytest.raises(Unusable) as refused:
        Postgres(told)

    said = str(refused.value)
    assert fault in said
    assert "hunter2" not in said
    assert "\n" not in said


def test_a_password_in_the_address_works(url: str) -> None:
    with_password = url.replace("iota@", f"iota:{quote(postgres.PASSWORD, safe='')}@")

    tables = Postgres(with_password)

    assert tables.count("users") == 2
    assert tables.place == url.partition("@")[2]
    tables.close()
