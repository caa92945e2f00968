"""Definitions of tables that a full disk left empty: the engine refuses to start for one of them, for ever.

Whoever made such a table has no rows in it. The definition is put aside, so that the others are served again, and the
table can be made anew.
"""

import fcntl
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ASIDE, LOCK = "torn", "status"


def set_aside(directory: Path) -> list[Path]:
    """Put empty definitions aside; nothing is touched while another process has the directory open."""
    with suppress(BlockingIOError), _alone(directory):
        return [_moved(path, directory / ASIDE) for path in _empty(directory)]
    return []


def _empty(directory: Path) -> list[Path]:
    found = (*directory.glob("store/*/*/*.sql"), *directory.glob("metadata/*.sql"))
    return [path for path in found if path.stat().st_size == 0]


def _moved(path: Path, aside: Path) -> Path:
    aside.mkdir(exist_ok=True)
    target = path.rename(aside / f"{path.parent.name}-{path.name}")
    print(f"{path} is empty: put aside as {target}", file=sys.stderr)
    return target


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """The lock that a running engine holds.

    Raises:
        BlockingIOError: one runs.
    """
    lock = directory / LOCK
    if not lock.exists():
        yield
        return
    with lock.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
