"""What stands in a growing segment: its lines, as far as they are whole and were committed."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec
from msgspec import Struct

from connectors.sinks.lineages import Lineages
from streams.core.records import Lineage

LINE_BYTES = 64 << 20
"""No line is longer; garbage may be."""


class Kept(Struct):
    """The lines in front of the first that is torn, damaged or was not committed: offsets, number, size in bytes, lineages.

    ``damaged``: committed ones are, or may be, behind them.
    """

    lineages: Lineages
    first: int = 0
    last: int = -1
    lines: int = 0
    size: int = 0
    damaged: bool = False


class _Dot(Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    value: float | str | None
    timestamp: str | None = None


class _Line(Struct, frozen=True, forbid_unknown_fields=True):
    """A whole line (``segments.line``): recovery needs two fields, and a flipped bit may be in any."""

    offset: int
    raw: tuple[int, int, int]
    id: str
    device: str
    source: str
    received_at: str
    generation: int
    broker_correlation_id: str
    p_uid: int | None
    l_uid: int
    timestamp: str
    timeseries: list[_Dot]
    source_ids: dict[str, str]


def read(path: Path, committed: int) -> Kept:
    """The lines of a file whose offsets lie in front of ``committed``; all that it still has of each offset.

    Lines are torn at the end of a file only, and without the end of a line. Offsets never fall: where they do, nobody
    knows which of them is wrong, and nothing is kept.
    """
    kept = _read(path, committed)
    if not kept.damaged or not kept.lines:
        return kept
    return msgspec.structs.replace(_read(path, kept.last), damaged=True)  # its last offset may have lost lines


def _read(path: Path, committed: int) -> Kept:
    kept = Kept(Lineages())
    with path.open("rb") as file:
        for text in _texts(file):
            line = _line(text)
            if line is not None and line.offset < kept.last:
                return Kept(Lineages(), damaged=True)
            if line is None or line.offset >= committed:
                kept.damaged = _tells_of_damage(text, committed) or any(
                    _tells_of_damage(t, committed) for t in _texts(file)
                )
                return kept
            _keep(kept, line, len(text))
    return kept


def _keep(kept: Kept, line: _Line, size: int) -> None:
    kept.first = kept.first if kept.lines else line.offset
    kept.last, kept.lines, kept.size = line.offset, kept.lines + 1, kept.size + size
    kept.lineages.admit(Lineage(*line.raw))


def _tells_of_damage(text: bytes, committed: int) -> bool:
    """What was committed stands here, or a line that has an end and cannot be read; or only the end itself is damaged."""
    line = _line(text)
    if line is None:
        return text.endswith(b"\n") or _line(text[:-1] + b"\n") is not None
    return line.offset < committed


def _texts(file: BinaryIO) -> Iterator[bytes]:
    while text := file.readline(LINE_BYTES):
        yield text


def _line(text: bytes) -> _Line | None:
    try:
        return msgspec.json.decode(text, type=_Line) if text.endswith(b"\n") else None
    except ValueError:  # bytes that are no UTF-8, too
        return None
