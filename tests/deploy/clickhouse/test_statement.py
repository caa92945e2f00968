"""Statements are routed by their words, not by what stands in quotes and comments."""

import pytest

from deploy.local.clickhouse import statement
from deploy.local.clickhouse.errors import Refused


@pytest.mark.parametrize(
    ("text", "sql", "format", "data"),
    [
        (b"INSERT INTO t FORMAT Native\n\x01\x02", b"INSERT INTO t ", "Native", b"\x01\x02"),
        (b"insert into t (a, b) format CSV\r\n1,2\n", b"insert into t (a, b) ", "CSV", b"1,2\n"),
        (b"INSERT INTO t FORMAT JSONEachRow {}", b"INSERT INTO t ", "JSONEachRow", b"{}"),
        (b"-- why\n/* FORMAT x */ INSERT INTO `FORMAT x` FORMAT TSV;\n1", None, "TSV", b"1"),
        (b"INSERT INTO t SETTINGS async_insert=0 FORMAT TSV\n\n1", None, "TSV", b"\n1"),
        (b"INSERT INTO FUNCTION file('FORMAT x') FORMAT TSV\n1", None, "TSV", b"1"),
        ("INSERT INTO `Wärme` FORMAT TSV\nä".encode(), None, "TSV", "ä".encode()),
    ],
)
def test_it_finds_where_the_data_begin(text: bytes, sql: bytes | None, format: str, data: bytes) -> None:
    found = statement.insert(text)

    assert found is not None
    assert (found.format, text[found.data :]) == (format, data)
    assert sql is None or found.sql.encode() == sql


@pytest.mark.parametrize(
    "text",
    [
        b"SELECT 1 FORMAT TSV",
        b"INSERT INTO t VALUES (1)",
        b"INSERT INTO t SELECT 1 FORMAT Null",
        b"INSERT INTO t WITH 1 AS x SELECT x",
        b"INSERT INTO t FROM INFILE 'x' FORMAT CSV",
        b"INSERT INTO t",
        b"",
    ],
)
def test_other_statements_carry_no_data(text: bytes) -> None:
    assert statement.insert(text) is None


@pytest.mark.parametrize(
    ("sql", "format"),
    [
        ("SELECT 1 FORMAT JSON", "JSON"),
        ("SELECT 1 format CSV;\n", "CSV"),
        ("SELECT 1 FORMAT TSV SETTINGS max_threads = 1", "TSV"),
        ("SELECT 'FORMAT JSON'", None),
        ("SELECT format FROM t", None),
    ],
)
def test_a_result_has_the_format_that_it_names(sql: str, format: str | None) -> None:
    assert statement.result_format(sql) == format


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE k (a String) ENGINE = Kafka('b', 't', 'g', 'CSV')",
        "create table k (a String) engine=/* */NATS settings x=1",
        "ATTACH TABLE k (a String) ENGINE RabbitMQ",
    ],
)
def test_tables_that_could_not_be_opened_again_are_refused(sql: str) -> None:
    with pytest.raises(Refused, match="not supported by the embedded engine"):
        statement.refuse_broker_engines(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE t (a String) ENGINE = MergeTree ORDER BY a COMMENT 'ENGINE = Kafka'",
        "CREATE TABLE Kafka (engine String) ENGINE = Memory",
        "SELECT 1 AS engine, 2 AS Kafka",
        "INSERT INTO t SELECT 'ENGINE = Kafka'",
    ],
)
def test_other_statements_pass(sql: str) -> None:
    statement.refuse_broker_engines(sql)
