"""Which children live, on disk: what a killed supervisor leaves behind is found and ended by the next one.

A pid alone may belong to somebody else by then.
"""

import contextlib
import logging
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psutil

from deploy.local import identity

FILE = "processes.json"
KILL_WAIT_S = 10.0
POLL_S = 0.02

logger = logging.getLogger(__name__)


class Child(identity.Known, frozen=True, kw_only=True):
    """A started child."""

    name: str
    stop_s: float


class Ledger:
    """The living children of one stack directory. What a full disk does not take is kept, and written with what comes next."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / FILE
        self._children = _read(self._file)
        self._unwritten = False

    @property
    def children(self) -> tuple[Child, ...]:
        """Those noted, in the order of their start."""
        return tuple(self._children.values())

    def add(self, name: str, pid: int, stop_s: float) -> None:
        """Note a child that was just started."""
        known = identity.of(pid)
        if known is not None:
            self._children[name] = Child(name=name, pid=pid, identity=known, stop_s=stop_s)
            self._write()

    def remove(self, name: str) -> None:
        """Forget a child that ended."""
        if self._children.pop(name, None):
            self._write()

    def orphans(self) -> list[str]:
        """Names of noted children that still live."""
        return [child.name for child in self.children if _living(child)]

    def end_orphans(self) -> list[str]:
        """Stop every noted child that still lives, the last started first; return their names."""
        ended = []
        for child in reversed(self.children):
            process = _living(child)
            if process:
                _end(process, child)
                ended.append(child.name)
            self.remove(child.name)
        return ended

    def catch_up(self) -> None:
        """Write what the disk has not taken yet, if it does now."""
        if self._unwritten:
            self._write()

    def _write(self) -> None:
        """Who lives must not depend on whether that can be written: the disk may be full."""
        scratch = self._file.with_suffix(".new")
        try:
            scratch.write_bytes(msgspec.json.encode(self.children))
            scratch.replace(self._file)
        except OSError as error:
            if not self._unwritten:
                logger.warning("cannot note the living processes, trying again: %s", error)
            self._unwritten = True
        else:
            self._unwritten = False


def kill_group(pid: int) -> None:
    """End what is left of a child's process group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _read(file: Path) -> dict[str, Child]:
    return {child.name: child for child in _noted(file)}


def _noted(file: Path) -> Iterator[Child]:
    """None where the power was cut before the disk had what was written: no child has outlived that."""
    if file.is_file():
        try:
            yield from msgspec.json.decode(file.read_bytes(), type=list[Child])
        except ValueError as error:
            logger.warning("cannot read which processes lived: %s: %s", file, error)


def _living(child: Child) -> psutil.Process | None:
    process = child.process
    with contextlib.suppress(psutil.NoSuchProcess):
        if process is not None and not _is_over(process):
            return process
    return None


def _is_over(process: psutil.Process) -> bool:
    """A large process that was killed is a zombie while its other threads still hold its ports and files."""
    return process.status() == psutil.STATUS_ZOMBIE and process.num_threads() <= 1


def _end(process: psutil.Process, child: Child) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.terminate()
        if not _ends(child, child.stop_s):
            process.kill()
            _ends(child, KILL_WAIT_S)
    kill_group(child.pid)


def _ends(child: Child, timeout_s: float) -> bool:
    """Whether it ends in time; what nobody has reaped yet has ended."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if _living(child) is None:
            return True
        time.sleep(POLL_S)
    return False
