"""What a case knows of answers that got lost."""

import socketserver
from collections.abc import Iterator
from contextlib import suppress
from socket import create_connection
from threading import Thread

import pytest
from clickhouse_connect.datatypes.registry import get_from_name
from clickhouse_connect.driver.insert import InsertContext
from clickhouse_connect.driver.transform import NativeTransform

from tests.faults.cases.outside import OF_POINTS
from tests.stack.proxy import Proxy

HEAD = b"POST /?query_id=1 HTTP/1.1\r\nContent-Encoding: lz4\r\n\r\n"


class Server(socketserver.BaseRequestHandler):
    """Answers whatever it is sent."""

    def handle(self) -> None:
        while self.request.recv(65_536):
            self.request.sendall(b"ok")


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Server) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        made = Proxy(f"127.0.0.1:{server.server_address[1]}")
        made.open()
        yield made
        made.close()
        server.shutdown()


def insert(table: str) -> bytes:
    """As the sinks' client sends it."""
    context = InsertContext(table, ["series_id", "value"], [get_from_name("UInt64"), get_from_name("Float64")],
                            [[1] * 99, [1.5] * 99], column_oriented=True, compression="lz4")  # fmt: skip
    return HEAD + b"".join(NativeTransform.build_insert(context))


@pytest.mark.parametrize(
    ("asked", "of_points"),
    [
        (insert("`isthmus`.`points`"), True),
        (insert("points"), True),
        (insert("`isthmus`.`aggregates`"), False),
        (HEAD + b"SELECT max(value) FROM points", False),
    ],
)
def test_it_knows_whose_answer_was_lost(proxy: Proxy, asked: bytes, of_points: bool) -> None:
    with create_connection(("127.0.0.1", proxy.port)) as client:
        client.sendall(insert("points"))
        assert client.recv(2) == b"ok"
        proxy.swallow(now=True)
        client.sendall(asked)
        with suppress(ConnectionResetError):
            assert client.recv(2) == b""

    assert [bool(OF_POINTS.search(request)) for request in proxy.swallowed] == [of_points]
