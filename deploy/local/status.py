"""What runs: the supervisor answers each connection to its unix socket with one JSON document, this one."""

import asyncio
import socket
import tempfile
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

import msgspec

LONGEST_PATH = 100
"""Unix socket paths may have 107 bytes on Linux and 103 on macOS."""
TIMEOUT_S = 5.0


class State(StrEnum):
    """Where a process is in its life."""

    WAITING = "waiting"  # for those that it starts after
    STARTING = "starting"
    READY = "ready"
    UNREADY = "unready"  # it runs, was ready, and its probe fails
    BACKOFF = "backoff"  # it ended and will be started again
    DONE = "done"  # a task that succeeded
    FAILED = "failed"  # a task that will not be tried again
    STOPPING = "stopping"
    STOPPED = "stopped"


class ProcessStatus(msgspec.Struct, frozen=True):
    """One process. ``failures``: ends in a row without having been ready; ``since``: unix time of the last change of state."""

    name: str
    state: State
    pid: int | None
    restarts: int
    failures: int
    exit_status: int | None
    since: float
    rss_bytes: int | None


class StackStatus(msgspec.Struct, frozen=True):
    """The supervisor and its processes, in the plan's order."""

    pid: int
    started: float
    processes: tuple[ProcessStatus, ...]

    @property
    def ready(self) -> bool:
        """Whether every server is ready and every task done."""
        return all(process.state in {State.READY, State.DONE} for process in self.processes)


def socket_path(directory: Path) -> Path:
    """Where a new supervisor listens: in its directory, or, when that path is too long for a socket, in a private one."""
    wanted = directory / "supervisor.sock"
    if len(str(wanted).encode()) <= LONGEST_PATH:
        wanted.unlink(missing_ok=True)
        return wanted
    return Path(tempfile.mkdtemp(prefix="isthmus-")) / "s"


async def serve(path: Path, current: Callable[[], StackStatus]) -> asyncio.Server:
    """Answer every connection with the current status."""

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(msgspec.json.encode(current()))
        await writer.drain()
        writer.close()

    return await asyncio.start_unix_server(answer, path)


def ask(path: Path) -> StackStatus | None:
    """The status that a supervisor tells, or None when nobody answers."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(TIMEOUT_S)
            connection.connect(str(path))
            return msgspec.json.decode(_everything(connection), type=StackStatus)
    except (OSError, ValueError):  # bytes that are no UTF-8, too
        return None


def _everything(connection: socket.socket) -> bytes:
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)
