"""The health port: who asks nothing does not stay, and is no news."""

import socket
import urllib.request

import pytest

from streams import ops
from tests.ports import free_port


@pytest.mark.parametrize("said", [b"", b"GET /healthz HTTP/1.1\r\nHost: "], ids=["nothing", "half"])
def test_lets_go_of_who_does_not_ask(
    said: bytes, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ops._Silent, "timeout", ops._Silent.timeout / 100)
    port = free_port()
    stop = ops.serve(port, ready=lambda: None)
    with socket.create_connection(("127.0.0.1", port), timeout=30) as asking:
        asking.sendall(said)
        assert asking.recv(100) == b""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz") as answer:
        assert (answer.status, answer.read()) == (200, b"ok\n")
    stop()
    assert capfd.readouterr().err == ""
