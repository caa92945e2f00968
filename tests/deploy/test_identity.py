"""A process is known again after the host's clock was set, by its supervisor's heirs, too; a stranger never is.

A clock that is set is played: the time of boot, which the kernel reckons back from the clock, moves along.
"""

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from connectors.cli import stack
from deploy.local import daemon, identity, supervisor
from deploy.local.ledger import FILE, Ledger
from deploy.local.plan import StackError
from tests.deploy.test_supervisor import RUN_ON, living, pid, plan, shell
from tests.stack.harness import eventually

DAY = 86_400
STEPS = pytest.mark.parametrize("step", [2, -2, 3 * DAY, -3 * DAY])
on_linux = pytest.mark.skipif(not psutil.LINUX, reason="read from /proc")

Set = Callable[[int], None]


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> Set:
    real = psutil._psplatform.boot_time  # type: ignore[attr-defined]

    def set_by(seconds: int) -> None:
        before = psutil.Process().create_time()
        monkeypatch.setattr(psutil._psplatform, "boot_time", lambda: real() + seconds)  # type: ignore[attr-defined]
        assert psutil.Process().create_time() != before, "what is played here has its effect"

    return set_by


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "600"]) as started:
        yield started
        started.kill()


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    directory = tmp_path / "stack"
    directory.mkdir()
    yield directory
    daemon.down(directory)


def killed_supervisor(directory: Path) -> None:
    now = daemon.current(directory)
    assert now is not None
    os.kill(now.pid, signal.SIGKILL)
    eventually(lambda: not daemon.running(directory))


def as_older_versions_noted(directory: Path, ago: float = 0) -> None:
    """Without ``identity``; ``ago``: by how much the clock was set since."""
    file = directory / supervisor.HERE
    here = json.loads(file.read_text())
    created = psutil.Process(here["pid"]).create_time() - ago
    file.write_text(json.dumps({"pid": here["pid"], "created": created, "socket": here["socket"]}))


@STEPS
def test_what_was_noted_is_found_and_ended_after_the_clock_was_set(
    directory: Path, child: "subprocess.Popen[bytes]", set_clock: Set, step: int
) -> None:
    Ledger(directory).add("kafka", child.pid, 5)

    set_clock(step)

    assert Ledger(directory).orphans() == ["kafka"]
    assert Ledger(directory).end_orphans() == ["kafka"]
    assert child.wait() == -signal.SIGTERM
    assert Ledger(directory).children == ()


@STEPS
def test_down_stops_a_supervisor_after_the_clock_was_set(directory: Path, set_clock: Set, step: int) -> None:
    daemon.up(directory, plan(shell("a", RUN_ON)))
    left = pid(directory, "a")

    set_clock(step)

    assert daemon.down(directory) == []
    assert not daemon.running(directory)
    assert not living(left)


def test_up_ends_what_a_killed_supervisor_left_after_the_clock_was_set(directory: Path, set_clock: Set) -> None:
    wanted = plan(shell("a", RUN_ON), shell("b", RUN_ON))
    daemon.up(directory, wanted)
    left = {pid(directory, "a"), pid(directory, "b")}
    killed_supervisor(directory)

    set_clock(-2)

    assert daemon.orphans(directory) == ["a", "b"]
    daemon.up(directory, wanted)
    assert not any(living(one) for one in left)


def test_a_pid_of_another_boot_or_of_a_later_process_is_a_strangers(child: "subprocess.Popen[bytes]") -> None:
    known = identity.of(child.pid)
    assert known is not None

    def found(noted: str) -> bool:
        return identity.Known(pid=child.pid, identity=noted).process is not None

    assert [found(known), found(f"0{known}"), found(f"{known}0")] == [True, False, False]
    child.kill()
    child.wait()
    assert identity.of(child.pid) is None
    assert not found(known)


@on_linux
def test_the_start_is_read_behind_a_command_that_holds_anything(tmp_path: Path) -> None:
    odd = tmp_path / ") S 1 (2 \n"
    odd.symlink_to("/bin/sleep")
    rest = "7 1 1 0 -1 4194560 110 0 0 0 2 3 0 0 20 0 1 0 4242 8654848 412 18446744073709551615"

    assert identity.start_ticks(f"314 (a) S (b c) R {rest}\n".encode()) == 4242
    with subprocess.Popen([odd, "600"]) as started:
        ticks = os.sysconf("SC_CLK_TCK")
        since_boot = psutil.Process(started.pid).create_time() - psutil.boot_time()
        assert identity.of(started.pid) == f"{identity.BOOT_ID.read_text().strip()} {round(since_boot * ticks)}"
        started.kill()


@on_linux
def test_where_boots_have_no_name_they_are_told_apart_by_their_time(
    child: "subprocess.Popen[bytes]", set_clock: Set, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(identity, "BOOT_ID", tmp_path / "none")
    known = identity.of(child.pid)

    assert identity.of(child.pid) == known
    set_clock(DAY)
    assert identity.of(child.pid) != known


def test_elsewhere_it_is_what_psutil_goes_by_itself(
    child: "subprocess.Popen[bytes]", set_clock: Set, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity, "LINUX", False)
    known = identity.of(child.pid)

    set_clock(DAY)

    assert float(known or 0) > 0
    assert identity.of(child.pid) == known
    assert identity.of(os.getpid()) != known
    child.kill()
    child.wait()
    assert identity.of(child.pid) is None


def test_what_an_older_version_noted_is_found_by_its_time_and_nobody_else_is(
    directory: Path, child: "subprocess.Popen[bytes]"
) -> None:
    created = psutil.Process(child.pid).create_time()

    def noted(created: float) -> Ledger:
        text = f'[{{"name":"a","pid":{child.pid},"created":{created!r},"stop_s":5.0}}]'
        (directory / FILE).write_text(text)
        return Ledger(directory)

    assert noted(created - 5).end_orphans() == []
    assert child.poll() is None
    assert noted(created).end_orphans() == ["a"]
    assert child.wait() == -signal.SIGTERM


def test_down_stops_a_supervisor_of_an_older_version(directory: Path) -> None:
    daemon.up(directory, plan(shell("a", RUN_ON)))
    as_older_versions_noted(directory)

    daemon.down(directory)

    assert not daemon.running(directory)


def test_down_says_that_a_supervisor_cannot_be_found_and_ends_nothing(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = daemon.up(directory, plan(shell("a", RUN_ON)))
    first = pid(directory, "a")
    as_older_versions_noted(directory, ago=2)

    with monkeypatch.context() as patched:
        patched.setattr(daemon, "FOUND_IN_S", 0)
        with pytest.raises(StackError, match=rf"lock and cannot be found \(pid {now.pid} was noted, at another time\)"):
            daemon.down(directory)

    assert living(first)
    assert [noted.pid for noted in Ledger(directory).children] == [first]
    as_older_versions_noted(directory)


def test_reset_deletes_no_data_of_a_supervisor_that_cannot_be_found(
    directory: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    daemon.up(directory, plan(shell("a", RUN_ON)))
    first = pid(directory, "a")
    as_older_versions_noted(directory, ago=2)

    with monkeypatch.context() as patched:
        patched.chdir(tmp_path)
        patched.setenv("ISTHMUS_STACK__DIRECTORY", str(directory))
        patched.setattr(daemon, "FOUND_IN_S", 0)
        with pytest.raises(SystemExit, match="a supervisor holds"):
            stack.reset(yes=True)

    assert living(first)
    assert [noted.pid for noted in Ledger(directory).children] == [first]
    as_older_versions_noted(directory)
