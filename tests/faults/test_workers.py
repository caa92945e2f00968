"""Further workers are watched, and end with whoever started them."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from tests.faults.workers import Worker
from tests.stack.harness import eventually

ENDLESS = "import signal; print('up', flush=True); signal.pause()"
OBEDIENT = f"import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); {ENDLESS}"
OWNER = f"""
import subprocess, sys
from tests.faults.workers import owned
child = subprocess.Popen(owned([sys.executable, "-c", {ENDLESS!r}]), stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
child.wait()
"""


class Case:
    """As much of one as a worker is watched by."""

    def __init__(self, undone: float) -> None:
        self.broken: list[str] = []
        self.world = SimpleNamespace(metric=lambda *_: undone)

    def holds(self, what: str, truth: bool) -> None:
        self.broken += [] if truth else [what]


@pytest.fixture
def started() -> Iterator[Any]:
    popens: list[subprocess.Popen[bytes]] = []

    def start(program: str) -> Worker:
        popens.append(subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE))
        assert popens[-1].stdout
        popens[-1].stdout.readline()
        return Worker("decode", 1, 0, popens[-1])

    yield start
    for popen in popens:
        popen.kill()
        popen.communicate()


def ended(worker: Worker, undone: float = 0) -> list[str]:
    case: Any = Case(undone)
    worker.end(case)
    return list(case.broken)


def test_one_that_ends_when_it_is_asked_to_is_as_it_must_be(started: Any) -> None:
    assert ended(started(OBEDIENT)) == []


def test_one_that_does_not_handle_its_signal_is_a_fault(started: Any) -> None:
    assert ended(started(ENDLESS)) == ["another worker of decode ends with status 0 when it is asked to, not -15"]


def test_one_that_ended_before_is_a_fault(started: Any) -> None:
    worker = started("print('up', flush=True); raise SystemExit(70)")
    worker.popen.wait(60)

    assert ended(worker)[0] == "another worker of decode lives on, status 70"


def test_one_that_commits_what_is_not_done_is_a_fault(started: Any) -> None:
    assert ended(started(OBEDIENT), 3) == ["another worker of decode commits nothing that is not done: 3"]


@pytest.mark.skipif(not shutil.which("setpriv"), reason="the kernel does not end them here")
def test_one_ends_with_who_started_it() -> None:
    owner = subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE)
    assert owner.stdout
    worker = psutil.Process(int(owner.stdout.readline()))
    assert worker.is_running()

    owner.send_signal(signal.SIGKILL)
    owner.communicate()

    eventually(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)
