"""Small disks of their own below an installation's directories, which a balloon can fill to the last byte.

They are mounted where mounting is allowed: as root, or in a user namespace. `python -m tests.faults` therefore runs in a
mount namespace of its own when a case needs them, and nothing stays mounted behind it.
"""

import errno
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Event
from typing import BinaryIO

from msgspec import Struct

SIZES_MB = {
    "clickhouse": 768, "kafka": 768, "mqtt-broker": 256, "files": 128, "archive": 128, "device_logs": 128, "spool": 192,
}  # fmt: skip
"""A spool keeps 80 MB of its disk free."""
NAMESPACES = (("unshare", "--mount"), ("unshare", "--user", "--map-root-user", "--mount"))
INSIDE = "ISTHMUS_TEST_NAMESPACE"
BALLOON = ".balloon"
BREATH_S = 0.02


class Disk(Struct, frozen=True):
    """A mounted file system."""

    directory: Path

    @contextmanager
    def full(self) -> Iterator[None]:
        """Not a byte is free, whoever frees one; the space is back at the end."""
        path, over = self.directory / BALLOON, Event()
        with path.open("ab", buffering=0) as balloon, ThreadPoolExecutor(1) as pool:
            _fill(balloon)
            blowing = pool.submit(_blow, balloon, over)
            try:
                yield
            finally:
                over.set()
                blowing.result()
                path.unlink()


@contextmanager
def full(disks: Sequence[Disk]) -> Iterator[None]:
    """All of them."""
    with ExitStack() as stack:
        for disk in disks:
            stack.enter_context(disk.full())
        yield


@contextmanager
def mounted(directories: Mapping[str, Path]) -> Iterator[dict[str, Disk]]:
    """A disk at each of the directories."""
    with ExitStack() as stack:
        for name, directory in directories.items():
            directory.mkdir(parents=True, exist_ok=True)
            _run("mount", "-t", "tmpfs", "-o", f"size={SIZES_MB[name]}m", "isthmus", str(directory))
            stack.callback(_run, "umount", "--lazy", str(directory))
        yield {name: Disk(directory) for name, directory in directories.items()}


def enter_namespace() -> None:
    """Run this program again where it may mount; return where it does already, or where nobody lets it."""
    if INSIDE in os.environ:
        return
    for command in NAMESPACES:
        if _mounts(command):
            os.environ[INSIDE] = "1"
            arguments = [*command, sys.executable, "-m", "tests.faults", *sys.argv[1:]]
            os.execvp(arguments[0], arguments)  # noqa: S606 - there is no shell to start it with


def unavailable() -> str:
    """Why there are no disks here; empty where there are."""
    if INSIDE in os.environ or _mounts(()):
        return ""
    return "no small disk can be mounted here: neither root nor a user namespace"


def _mounts(command: tuple[str, ...]) -> bool:
    with tempfile.TemporaryDirectory() as directory, suppress(OSError):
        script = f"mount -t tmpfs isthmus {directory} && umount {directory}"
        return subprocess.run([*command, "sh", "-c", script], capture_output=True, check=False).returncode == 0
    return False


def _run(*command: str) -> None:
    subprocess.run(command, check=True)


def _blow(balloon: BinaryIO, over: Event) -> None:
    while not over.wait(BREATH_S):
        _fill(balloon)


def _fill(balloon: BinaryIO) -> None:
    for piece in (bytes(1 << 20), bytes(4096), b"\0"):
        _write_until_full(balloon, piece)


def _write_until_full(balloon: BinaryIO, piece: bytes) -> None:
    try:
        while True:
            balloon.write(piece)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
