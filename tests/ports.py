"""Ports for what tests start, that nobody else is given before it listens.

The system's own choice (port 0) is one of the ephemeral ports, from 32,768 on with Linux and from 49,152 on with macOS:
between the choice and the start of a process, any connection of another test may be given the same one. These are below.
"""

import socket
from collections.abc import Iterator
from functools import cache
from itertools import cycle
from random import sample

from deploy.local.ports import is_free

LOWEST, HIGHEST, BLOCK = 10_000, 20_000, 200


def free_port() -> int:
    """A port that nobody listens on, and that no other process that asks here is given."""
    return free_row(1)


def free_row(length: int) -> int:
    """The first of so many ports in a row."""
    own = _own()
    for _ in range(BLOCK):
        row = [next(own) for _ in range(length)]
        if row[-1] - row[0] == length - 1 and all(map(is_free, row)):
            return row[0]
    raise AssertionError(f"no {length} free ports in a row from {row[0] // BLOCK * BLOCK} on")


@cache
def _own() -> Iterator[int]:
    """The ports of this process, one after the other, for ever: what was handed out last is free for longest."""
    first = _claimed().getsockname()[1]
    return cycle(range(first + 1, first + BLOCK))


@cache
def _claimed() -> socket.socket:
    """A block is this process's for as long as it listens on the first port of it, that is as long as it lives."""
    for first in sample(range(LOWEST, HIGHEST, BLOCK), k=(HIGHEST - LOWEST) // BLOCK):
        guard = socket.socket()
        try:
            guard.bind(("127.0.0.1", first))
            guard.listen()
        except OSError:
            guard.close()
        else:
            return guard
    raise AssertionError(f"every block of ports between {LOWEST} and {HIGHEST} is somebody's")
