"""The health port: who asks nothing does not stay, and is no news."""

import socket
import time
import urllib.request
from contextlib import suppress

import pytest

from streams import ops
from tests.ports import free_port
from tests.stack.harness import eventually


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


def answered(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=30) as answer:
            return bool(answer.read() == b"ok\n")
    except OSError:
        return False


def test_lets_go_of_who_asks_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ops, "WHOLE_S", 0.1)
    port = free_port()
    stop = ops.serve(port, ready=lambda: None)
    with socket.create_connection(("127.0.0.1", port)) as asking:
        asking.settimeout(0.01)
        until = time.monotonic() + ops.PATIENCE_S / 2
        with suppress(ConnectionError):
            while time.monotonic() < until:
                asking.sendall(b"G")
                with suppress(TimeoutError):
                    assert asking.recv(100) == b""
                    break
        assert time.monotonic() < until
    stop()


def test_so_many_may_ask_at_a_time_and_others_when_they_have_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ops, "MOST", 3)
    port = free_port()
    stop = ops.serve(port, ready=lambda: None)
    asking = [socket.create_connection(("127.0.0.1", port)) for _ in range(3)]
    assert not answered(port)
    for one in asking:
        one.close()
    eventually(lambda: answered(port))
    stop()
