"""The ClickHouse endpoint with unchanged clients: clickhouse-connect, sync and async, and bare HTTP as curl sends it."""

import asyncio
import gzip
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import clickhouse_connect
import httpx
import pyarrow as pa  # type: ignore[import-untyped]  # pyarrow ships no types
import pytest
from clickhouse_connect.driver import options
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from tests.ports import free_port
from tests.stack.harness import PATIENCE, PLAIN, eventually


class Endpoint:
    """A running endpoint on a directory of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "deploy.local.clickhouse", str(self.directory), str(self.port)]
        self.process = subprocess.Popen(command)
        eventually(self._answers)

    def _answers(self) -> bool:
        assert self.process.poll() is None
        try:
            return httpx.get(f"{self.url}ping", verify=PLAIN).text == "Ok.\n"
        except httpx.TransportError:
            return False

    def client(self, **options: Any) -> Client:
        return clickhouse_connect.get_client(host="127.0.0.1", port=self.port, database="lab", **options)

    def ask(self, sql: str | bytes, **parameters: str) -> httpx.Response:
        return httpx.post(self.url, params={"database": "lab", **parameters}, content=sql)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(20 * PATIENCE)


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    endpoint = Endpoint(tmp_path_factory.mktemp("clickhouse"))
    httpx.post(endpoint.url, content="CREATE DATABASE lab").raise_for_status()
    yield endpoint
    endpoint.stop()


@pytest.fixture
def table(endpoint: Endpoint, request: pytest.FixtureRequest) -> str:
    """A table of this test's own: n UInt32, at DateTime64(9), what String."""
    name = request.node.name.split("[")[0]
    endpoint.ask(
        f"CREATE OR REPLACE TABLE {name} (n UInt32, at DateTime64(9, 'UTC'), what String) ENGINE = MergeTree ORDER BY n"
    )
    return str(name)


ROW: tuple[int, datetime, str] = (1, datetime(2026, 1, 2, 3, 4, 5, 678901, UTC), "Wärme")


@pytest.mark.parametrize("compress", [False, "lz4", "zstd", "gzip"])
def test_rows_go_in_and_come_out(endpoint: Endpoint, table: str, compress: bool | str) -> None:
    with endpoint.client(compress=compress) as client:
        summary = client.insert(table, [list(ROW)], column_names=["n", "at", "what"])
        rows = client.query(f"SELECT * FROM {table}").result_rows

    assert summary.written_rows == 1
    assert rows == [(1, ROW[1].replace(tzinfo=None), "Wärme")]  # clickhouse-connect leaves UTC out


def test_the_async_client_is_served(endpoint: Endpoint, table: str) -> None:
    async def visit() -> Any:
        options: dict[str, Any] = {"host": "127.0.0.1", "port": endpoint.port, "database": "lab"}
        async with await clickhouse_connect.get_async_client(**options) as client:
            await client.insert(table, [list(ROW)] * 3, column_names=["n", "at", "what"])
            answers = await asyncio.gather(*(client.query(f"SELECT count() FROM {table}") for _ in range(8)))
            return [answer.result_rows for answer in answers]

    assert asyncio.run(visit()) == [[(3,)]] * 8


def test_many_blocks_in_compressed_frames_are_one_insert(endpoint: Endpoint, table: str) -> None:
    count = 300_000
    with endpoint.client(compress="lz4") as client:
        columns: list[list[Any]] = [list(range(count)), [0] * count, ["x"] * count]
        client.insert(table, columns, column_names=["n", "at", "what"], column_oriented=True)

        assert client.query(f"SELECT count(), sum(n) FROM {table}").first_row == (count, count * (count - 1) // 2)


def test_long_results_are_streamed(endpoint: Endpoint) -> None:
    with (
        endpoint.client() as client,
        client.query_column_block_stream("SELECT number FROM numbers(1000000)") as blocks,
    ):
        sizes = [len(block[0]) for block in blocks]

    assert sum(sizes) == 1_000_000
    assert len(sizes) > 3


def test_a_client_that_leaves_a_long_result_ends_the_query(endpoint: Endpoint) -> None:
    with httpx.stream("POST", endpoint.url, content="SELECT number FROM numbers(10000000000) FORMAT TSV") as answer:
        next(answer.iter_bytes())

    eventually(lambda: endpoint.ask("SELECT count() FROM system.processes").text == "1\n")


def test_arrow_and_data_frames_are_served(endpoint: Endpoint, table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(
        vars(options), "pd", raising=False
    )  # as where our own store, which keeps pandas out, is not imported
    monkeypatch.delitem(vars(options), "pd_time_test", raising=False)
    with endpoint.client() as client:
        client.insert_arrow(table, pa.table({"n": pa.array([7], pa.uint32()), "at": [ROW[1]], "what": ["arrow"]}))

        assert client.query_arrow(f"SELECT n, what FROM {table}").to_pylist() == [{"n": 7, "what": "arrow"}]
        assert client.query_df(f"SELECT n FROM {table}")["n"].tolist() == [7]


def test_parameters_are_values_not_text(endpoint: Endpoint) -> None:
    with endpoint.client() as client:
        parameters = {"text": "it's {a:String} \\ `b`", "number": 5}
        answer = client.query("SELECT {text:String}, {number:UInt8} + 1", parameters=parameters)

    assert answer.first_row == ("it's {a:String} \\ `b`", 6)


def test_settings_hold_for_their_request_only(endpoint: Endpoint) -> None:
    sql = "SELECT getSetting('max_threads')"
    with endpoint.client() as client:
        usual = client.query(sql).first_row
        assert client.query(sql, settings={"max_threads": 1}).first_row == (1,)
        assert client.query(sql).first_row == usual
    assert endpoint.ask(sql, max_threads="1").text == "1\n"


def test_a_session_keeps_its_temporary_tables_to_itself(endpoint: Endpoint) -> None:
    with endpoint.client(session_id="one") as one, endpoint.client(session_id="two") as two:
        one.command("CREATE TEMPORARY TABLE mine (a UInt8)")
        one.command("INSERT INTO mine VALUES (3)")

        assert one.query("SELECT a FROM mine").first_row == (3,)
        with pytest.raises(DatabaseError, match="UNKNOWN_TABLE"):
            two.query("SELECT a FROM mine")


def test_a_session_is_kept_for_one_request_at_a_time(endpoint: Endpoint) -> None:
    answers: list[str] = []

    def ask() -> None:
        answers.append(endpoint.ask("SELECT sleep(0.01)", session_id="shared").text)

    threads = [threading.Thread(target=ask) for _ in range(40)]  # more than the endpoint has threads
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == ["0\n"] * 40
    assert (
        endpoint.ask("SELECT 1", session_id="never", session_check="1").headers["X-ClickHouse-Exception-Code"] == "372"
    )


@pytest.mark.parametrize(
    ("sql", "code", "status"),
    [
        ("SELECT * FROM nowhere", 60, 404),
        ("SELEC 1", 62, 400),
        ("SELECT nothing", 47, 404),
        ("SELECT throwIf(1)", 395, 500),
        ("SELECT 1 FORMAT Nonsense", 73, 400),
        ("CREATE TABLE k (a String) ENGINE = Kafka('b', 't', 'g', 'CSV')", 48, 400),
    ],
)
def test_errors_have_the_engines_code(endpoint: Endpoint, sql: str, code: int, status: int) -> None:
    answer = endpoint.ask(sql)

    assert answer.headers["X-ClickHouse-Exception-Code"] == str(code)
    assert answer.text.startswith(f"Code: {code}. DB::Exception: ")
    with endpoint.client() as client, pytest.raises(DatabaseError) as caught:
        client.command(sql)
    assert caught.value.code == code
    assert answer.status_code in {status, 400}


def test_an_error_in_the_middle_of_a_result_is_not_a_shorter_result(endpoint: Endpoint) -> None:
    sql = "SELECT throwIf(number = 900000, 'halfway') FROM numbers(1000000) SETTINGS max_block_size = 10000"
    with endpoint.client() as client, pytest.raises(DatabaseError, match="halfway"):
        client.query(sql)


def test_bad_data_insert_nothing(endpoint: Endpoint, table: str) -> None:
    rows = "".join(f"{n}\t2026-01-01 00:00:00\tx\n" for n in range(200_000))

    answer = endpoint.ask(f"INSERT INTO {table} FORMAT TSV\n{rows}not a number\t\t\n")

    assert answer.headers["X-ClickHouse-Exception-Code"] == "27"
    assert endpoint.ask(f"SELECT count() FROM {table}").text == "0\n"


def test_an_insert_that_fails_at_its_end_is_an_error(endpoint: Endpoint) -> None:
    limits = "parts_to_throw_insert = 1, parts_to_delay_insert = 0"
    endpoint.ask(f"CREATE TABLE crowded (n UInt32) ENGINE = MergeTree ORDER BY n SETTINGS {limits}").raise_for_status()
    endpoint.ask("SYSTEM STOP MERGES").raise_for_status()
    for n in range(2):
        answer = endpoint.ask(f"INSERT INTO crowded SETTINGS async_insert = 0 FORMAT TSV\n{n}\n")
    endpoint.ask("SYSTEM START MERGES").raise_for_status()

    assert answer.headers["X-ClickHouse-Exception-Code"] == "252"
    assert endpoint.ask("SELECT n FROM crowded").text == "0\n"


def test_a_body_that_breaks_off_inserts_nothing(endpoint: Endpoint, table: str) -> None:
    def body() -> Iterator[bytes]:
        yield f"INSERT INTO {table} FORMAT TSV\n".encode()
        yield b"1\t2026-01-01 00:00:00\tx\n" * 100_000
        raise ConnectionAbortedError

    with pytest.raises(ConnectionAbortedError):
        httpx.post(endpoint.url, params={"database": "lab"}, content=body())

    eventually(lambda: endpoint.ask("SELECT count() FROM system.processes").text == "1\n")
    assert endpoint.ask(f"SELECT count() FROM {table}").text == "0\n"


def test_curl_is_served_as_by_a_server(endpoint: Endpoint, table: str) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}  # what `curl -d` claims

    assert httpx.post(endpoint.url, content="SELECT 1+1", headers=form).text == "2\n"
    assert httpx.get(endpoint.url, params={"query": "SELECT 2+1 FORMAT JSONCompact"}).json()["data"] == [[3]]
    insert = {"database": "lab", "query": f"INSERT INTO {table} (n, what) FORMAT CSV"}
    summary = httpx.post(endpoint.url, params=insert, content='4,"a,b"\n5,c\n').headers["X-ClickHouse-Summary"]
    assert json.loads(summary)["written_rows"] == "2"
    assert endpoint.ask(f"SELECT n, what FROM {table} ORDER BY n").text == "4\ta,b\n5\tc\n"
    assert httpx.get(endpoint.url).text == "Ok.\n"


def test_gzip_answers_are_one_whole(endpoint: Endpoint) -> None:
    parameters = {"enable_http_compression": "1", "query": "SELECT number FROM numbers(300000)"}
    with httpx.stream("GET", endpoint.url, params=parameters, headers={"Accept-Encoding": "gzip"}) as answer:
        raw = b"".join(answer.iter_raw())

    assert answer.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(raw) == b"".join(b"%d\n" % number for number in range(300_000))


@pytest.mark.parametrize(
    "sql", ["CREATE DATABASE other", "INSERT INTO t VALUES (1)", "INSERT INTO t FORMAT CSV 1", "SYSTEM FLUSH LOGS"]
)
def test_a_link_changes_nothing(endpoint: Endpoint, sql: str) -> None:
    assert httpx.get(endpoint.url, params={"query": sql}).headers["X-ClickHouse-Exception-Code"] == "164"


def test_a_web_page_is_refused(endpoint: Endpoint) -> None:
    answer = httpx.post(endpoint.url, content="SELECT 1", headers={"Origin": "https://example.org"})

    assert answer.status_code == 403


def test_queries_run_side_by_side(endpoint: Endpoint) -> None:
    began = time.monotonic()
    threads = [threading.Thread(target=endpoint.ask, args=("SELECT sleep(1)",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert time.monotonic() - began < 8


def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    endpoint = Endpoint(tmp_path / "data")
    httpx.post(endpoint.url, content="CREATE DATABASE lab").raise_for_status()
    endpoint.ask("CREATE TABLE t (n UInt32) ENGINE = MergeTree ORDER BY n").raise_for_status()
    for n in range(20):
        endpoint.ask(f"INSERT INTO t VALUES ({n})").raise_for_status()

    endpoint.process.kill()
    endpoint.process.wait()
    endpoint.start()

    assert endpoint.ask("SELECT count(), sum(n) FROM t").text == "20\t190\n"
    endpoint.stop()
    assert endpoint.process.returncode in {0, -15}


def test_a_directory_has_one_process(endpoint: Endpoint) -> None:
    command = [sys.executable, "-m", "deploy.local.clickhouse", str(endpoint.directory), str(free_port())]

    second = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert second.returncode != 0
    assert "already running" in second.stderr
