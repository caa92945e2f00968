"""Jars: what a lock file says, and nothing else, gets into the cache."""

import hashlib
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePosixPath
from threading import Thread
from typing import Any

import pytest

from deploy.local import jars
from deploy.local.jars import Jar

CONTENT = b"not really a jar"


@pytest.fixture
def repository(tmp_path: Path) -> Any:
    """A Maven repository on loopback with one artifact that has a classifier."""
    file = tmp_path / "repository/org/example/thing/1.2/thing-1.2-linux-x86_64.jar"
    file.parent.mkdir(parents=True)
    file.write_bytes(CONTENT)

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

    def handler(*args: Any) -> Quiet:
        return Quiet(*args, directory=str(tmp_path / "repository"))

    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def lock(monkeypatch: pytest.MonkeyPatch, content: bytes, size: int | None = None) -> None:
    path = PurePosixPath("org/example/thing/1.2/thing-1.2-linux-x86_64.jar")
    line = Jar(hashlib.sha256(content).hexdigest(), len(content) if size is None else size, path)
    monkeypatch.setattr(jars, "locked", lambda _: (line,))


def test_coordinates_come_from_the_repository_path() -> None:
    plain = Jar("", 0, PurePosixPath("at/yawk/lz4/lz4-java/1.10.2/lz4-java-1.10.2.jar"))
    native = Jar("", 0, PurePosixPath("io/netty/epoll/4.1.131.Final/epoll-4.1.131.Final-linux-x86_64.jar"))

    assert plain.coordinates == ("at.yawk.lz4", "lz4-java", "1.10.2", "")
    assert native.coordinates == ("io.netty", "epoll", "4.1.131.Final", "linux-x86_64")


@pytest.mark.parametrize(("name", "count", "megabytes"), [(jars.KAFKA, 46, 45), (jars.ARTEMIS, 47, 19)])
def test_the_locks_name_each_jar_once(name: str, count: int, megabytes: int) -> None:
    locked = jars.locked(name)

    assert len({jar.path.name for jar in locked}) == len(locked) == count
    assert sum(jar.size for jar in locked) // 1_000_000 == pytest.approx(megabytes, abs=2)
    assert all(len(jar.sha256) == 64 for jar in locked)


def test_it_downloads_once_and_tells_how_much(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, repository: str) -> None:
    lock(monkeypatch, CONTENT)
    told: list[int] = []

    first = jars.fetch("thing", tmp_path / "cache", repository, told.append)
    second = jars.fetch("thing", tmp_path / "cache", "http://127.0.0.1:9", told.append)

    assert first == second
    assert [file.read_bytes() for file in first.iterdir()] == [CONTENT]
    assert told == [len(CONTENT), 0]


def test_a_damaged_jar_is_downloaded_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, repository: str) -> None:
    lock(monkeypatch, CONTENT)
    (jar,) = jars.fetch("thing", tmp_path / "cache", repository).iterdir()
    jar.write_bytes(CONTENT.replace(b"r", b"x"))

    jars.fetch("thing", tmp_path / "cache", repository)

    assert jar.read_bytes() == CONTENT


def test_another_content_is_refused_and_not_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, repository: str
) -> None:
    lock(monkeypatch, b"what we tested", size=len(CONTENT))

    with pytest.raises(jars.JarError, match=r"thing-1\.2-linux-x86_64\.jar.*not what the lock file says"):
        jars.fetch("thing", tmp_path / "cache", repository)

    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []


def test_a_missing_jar_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lock(monkeypatch, CONTENT)

    with pytest.raises(jars.JarError, match=r"cannot download thing-1\.2-linux-x86_64\.jar"):
        jars.fetch("thing", tmp_path / "cache", "http://127.0.0.1:9")
