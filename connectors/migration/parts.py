"""Sends whole records to the API, some at a time, so that each part is one transaction and progress can be shown."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import msgspec

from streams.registry.whole_records import Write

AT_ONCE, BYTES_AT_ONCE = 2_000, 4_000_000
PATIENCE_S = 120

Call = Callable[..., Any]
"""``Client.call``."""


def send(call: Call, together: Sequence[Write], writes: Iterable[Write], why: str, told: Callable[[int], None]) -> None:
    """Write ``together`` at once, then the others in parts; ``told`` gets how many are written with each part.

    Raises:
        NoAnswer, Denied: see ``connectors.api.client``; the parts before are written, so run the command again.
    """
    done = 0
    for part in ([list(map(_line, together))] if together else []) + list(_parts(writes)):
        body = b"[" + b",".join(part) + b"]"
        call("POST", "/registry/records", params={"why": why}, content=body, timeout=PATIENCE_S)
        done += len(part)
        told(done)


def _parts(writes: Iterable[Write]) -> Iterator[list[bytes]]:
    part: list[bytes] = []
    size = 0
    for write in writes:
        line = _line(write)
        if part and (len(part) == AT_ONCE or size + len(line) > BYTES_AT_ONCE):
            yield part
            part, size = [], 0
        part.append(line)
        size += len(line)
    if part:
        yield part


def _line(write: Write) -> bytes:
    return msgspec.json.encode(write)
