"""Log files: kept small, read from their end."""

import queue
from contextlib import suppress
from pathlib import Path
from threading import Thread

import pytest

from deploy.local import logs
from tests.connectors.sinks.test_shelf import full_at
from tests.stack.harness import eventually


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(logs, "ROTATE_BYTES", 10)
    return tmp_path / "a.log"


def test_a_small_log_is_left_alone(log: Path) -> None:
    log.write_text("123456789")

    logs.rotate(log)

    assert log.read_text() == "123456789"
    assert not log.with_name("a.log.1").exists()


def test_the_writer_goes_on_in_the_same_file_after_it_was_cut(log: Path) -> None:
    with log.open("ab", buffering=0) as writer:
        writer.write(b"old lines\n\n")
        logs.rotate(log)
        writer.write(b"new\n")

    assert log.read_text() == "new\n"
    assert log.with_name("a.log.1").read_text() == "old lines\n\n"


def test_three_old_ones_are_kept(log: Path) -> None:
    for number in range(6):
        log.write_text(f"log number {number}")
        logs.rotate(log)

    kept = [log.with_name(f"a.log.{number}") for number in (1, 2, 3)]
    assert [path.read_text() for path in kept] == ["log number 5", "log number 4", "log number 3"]
    assert not log.with_name("a.log.4").exists()


def test_a_log_that_cannot_be_copied_stays_and_so_do_the_old_ones(log: Path) -> None:
    old = log.with_name("a.log.1")
    old.write_text("old")
    log.write_text("x" * 5000)

    with full_at(4096):
        for _ in range(4):
            logs.rotate(log)

    assert (log.read_text(), old.read_text()) == ("x" * 5000, "old")
    assert sorted(log.parent.iterdir()) == [log, old]


def test_tail_gives_the_last_lines(log: Path) -> None:
    log.write_text("\n".join(str(number) for number in range(1000)))

    assert logs.tail(log, 3) == ["997", "998", "999"]
    assert logs.tail(log.with_name("none.log"), 3) == []


def test_follow_gives_new_lines_whole_and_survives_a_cut(log: Path) -> None:
    log.write_text("before\n")
    told: queue.Queue[tuple[str, str]] = queue.Queue()
    Thread(target=_tell, args=(log, told), daemon=True).start()
    eventually(lambda: _appended(log, told), every=0.3)

    log.write_text("cut\n")

    assert told.get(timeout=5) == ("a", "cut")


def _tell(log: Path, told: queue.Queue[tuple[str, str]]) -> None:
    for line in logs.follow([log]):
        told.put(line)


def _appended(log: Path, told: queue.Queue[tuple[str, str]]) -> bool:
    """Write until the follower, which first notes where the log ends, has told of it."""
    with log.open("a") as content:
        content.write("begun\nha")
        content.write("lf\n")
    lines = []
    with suppress(queue.Empty):
        while True:
            lines.append(told.get(timeout=0.2))
    return ("a", "begun") in lines and ("a", "half") in lines
