"""Which process was meant by a pid, on disk: later it may be another's, and the host's clock may have been set meanwhile.

psutil's `create_time()` moves with the clock: on Linux it is reckoned from a time of boot that does, on macOS from when it was
imported. What its own `is_running()` compares does not (since 7.1), but it has no public name, and knows nothing of other boots.
So on Linux the kernel is asked: for the ticks from boot to the start, as it has always kept them, and for the name of this boot.
"""

from contextlib import suppress
from pathlib import Path

import msgspec
import psutil
from psutil import LINUX

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
START = 19
"""The place of the start (`proc(5)`: field 22) behind the command, which may hold anything, parentheses and spaces, too."""


class Known(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A process as it is noted. ``created``: what older versions noted instead, seconds since the epoch."""

    pid: int
    identity: str | None = None
    created: float | None = None

    @property
    def process(self) -> psutil.Process | None:
        """It, also when it has ended and nobody has reaped it; None when its pid is nobody's or another's."""
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(self.pid)  # first: whoever has the pid after the comparison is not signalled
            if self._is(process):
                return process
        return None

    def _is(self, process: psutil.Process) -> bool:
        """What an old version noted before the clock was set is not found again: a near time may be a stranger's."""
        if self.identity is None:
            return process.create_time() == self.created
        return of(self.pid) == self.identity


def of(pid: int) -> str | None:
    """What no other process with this pid has, before or after it; None when there is none with it."""
    return _on_linux(pid) if LINUX else _elsewhere(pid)


def start_ticks(stat: bytes) -> int:
    """When a process started, of its line in `/proc`."""
    return int(stat.rpartition(b")")[2].split()[START])


def _on_linux(pid: int) -> str | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return f"{_boot()} {start_ticks(stat)}"


def _boot() -> str:
    """Some sandboxes do not name it: then it is its time, which moves with the clock."""
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return str(psutil.boot_time())


def _elsewhere(pid: int) -> str | None:
    """On macOS the time by the clock at the start, which the kernel keeps as it was: so it tells boots apart, too."""
    try:
        started = psutil.Process(pid)._ident[1]  # type: ignore[attr-defined]
    except psutil.NoSuchProcess:
        return None
    return None if started is None else str(started)
