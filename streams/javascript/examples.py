"""Examples that vendors publish beside their codecs: what goes in, what should come out.

Read are YAML, JSON and JSON lines: a list of examples, or a file of The Things Network's device repository with its
``uplinkDecoder.examples``, or any object with ``examples``. Downlink examples are left out.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from msgspec import Struct, field

from streams.core.message import Sender
from streams.core.times import from_any

DEFAULT_TIME = 1_735_689_600_000_000_000
"""2025-01-01T00:00:00Z: of an example that tells none"""


class Example(Struct, frozen=True, kw_only=True):
    """``time`` is ns since the epoch, UTC. ``errors`` and ``warnings`` empty: there should be none.

    ``normalized``: the normalised payload; None: the example does not say. ``device`` and ``variables``: whose message it is,
    for codecs that ask (``source_name``, ``name``, ``source_ids``, ``application``, ``profile``, ``model``).
    """

    description: str = ""
    payload: bytes
    port: int = 0
    time: int = DEFAULT_TIME
    data: Any = None
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    normalized: Any = None
    device: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)

    def sender(self, place: int) -> Sender:
        """Whose message it is: what the example's ``device`` and ``variables`` say, as codecs get it."""
        application, profile, model = (str(self.device.get(name, "")) for name in ("application", "profile", "model"))
        return Sender(
            device=f"{self.device.get('source_name', 'example')}:{place}",
            source_ids={name: str(value) for name, value in _object(self.device.get("source_ids")).items()},
            name=str(self.device.get("name") or ""),
            application=application,
            profile=profile,
            model=model,
            tags=self.variables,
        )


def read_examples(path: Path) -> list[Example]:
    """The uplink examples of a file.

    Raises:
        ValueError: in one line, why the file cannot be used.
    """
    try:
        text = path.read_text("utf-8-sig")
        if path.suffix == ".jsonl":
            tree = [json.loads(line) for line in text.splitlines() if line.strip()]
        else:
            tree = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
        return [_example(entry) for entry in _entries(tree)]
    except (OSError, UnicodeDecodeError, ValueError, TypeError, yaml.YAMLError) as error:
        raise ValueError(f"{path}: {' '.join(str(error).split())}") from error


def example(entry: dict[str, Any]) -> Example:
    """One example in the shape of the device repositories.

    Raises:
        ValueError: it has no input that could be used.
    """
    return _example(entry)


def _entries(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        decoder = tree.get("uplinkDecoder")
        tree = decoder.get("examples") if isinstance(decoder, dict) else tree.get("examples", tree.get("uplink"))
    if not isinstance(tree, list):
        raise ValueError("holds no list of examples")
    for entry in tree:
        if isinstance(entry, dict) and "input" in entry and _is_uplink(entry):
            yield entry


def _is_uplink(entry: dict[str, Any]) -> bool:
    return "uplink" in str(entry.get("type", "uplink")).lower() and "bytes" in (entry["input"] or {})


def _example(entry: dict[str, Any]) -> Example:
    given, output = entry["input"], entry.get("output", entry.get("expected")) or {}
    normalized = entry.get("normalizedOutput")
    if isinstance(normalized, dict):
        normalized = normalized.get("data", normalized)
    time = from_any(_text(given.get("recvTime")))
    return Example(
        description=str(entry.get("description", entry.get("desc")) or ""),
        payload=_payload(given.get("bytes")),
        port=int(given.get("fPort") or 0),
        time=DEFAULT_TIME if time is None else time,
        data=output.get("data"),
        errors=texts(output.get("errors")),
        warnings=texts(output.get("warnings")),
        normalized=normalized,
        device=_object(given.get("device")),
        variables={name: str(value) for name, value in _object(given.get("variables")).items()},
    )


def _object(told: Any) -> dict[str, Any]:
    """Vendors write other things there as well."""
    return {str(name): value for name, value in told.items()} if isinstance(told, dict) else {}


def _payload(told: Any) -> bytes:
    if isinstance(told, str):
        return bytes.fromhex(told)
    if isinstance(told, list):
        return bytes(told)
    raise ValueError("bytes of an example are neither a list nor hexadecimal text")


def _text(value: Any) -> Any:
    """YAML makes dates of what JSON leaves as text."""
    return value.isoformat() if hasattr(value, "isoformat") else value


def texts(told: Any) -> list[str]:
    """``errors`` and ``warnings`` as vendors write them."""
    if not told:
        return []
    return [
        text if isinstance(text, str) else json.dumps(text) for text in (told if isinstance(told, list) else [told])
    ]
