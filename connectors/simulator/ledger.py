"""The ledger: what was sent, and which of it was acknowledged; the other side of every proof."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

from connectors.simulator.fleet import Message


def fingerprint(source: str, payload: bytes) -> str:
    """What identifies a message's content; a payload may be sent more than once, so ledgers count."""
    return hashlib.sha256(source.encode() + b"\0" + payload).hexdigest()[:32]


class Ledger:
    """An append-only NDJSON file, a line per message, written when its fate is known and flushed line by line."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._file = path.open("a", encoding="utf-8")
        self.sent: Counter[str] = Counter()
        self.acknowledged: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        """for good; what was given up is neither"""

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def write(self, message: Message, *, acknowledged: bool, tries: int, refused: bool = False) -> None:
        """Note one message's fate."""
        self.sent[message.kind] += 1
        self.acknowledged[message.kind] += acknowledged
        self.refused[message.kind] += refused
        line = {
            "id": fingerprint(message.source, message.payload),
            "source": message.source,
            "device": message.device,
            "kind": message.kind,
            "at": message.at,
            "acknowledged": acknowledged,
            "tries": tries,
        }
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()


def acknowledged(paths: Iterable[Path]) -> Counter[str]:
    """How often each content was acknowledged, over all ledgers; a torn last line is left out."""
    counts: Counter[str] = Counter()
    for path in paths:
        for line in path.read_text("utf-8").splitlines(keepends=True):
            if line.endswith("\n") and (entry := json.loads(line))["acknowledged"]:
                counts[entry["id"]] += 1
    return counts
