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

SIZE_LIMIT = 20_000_000
"""bytes of a file"""
PORT_LIMIT = 255
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
        text = read_text(path)
        if path.suffix == ".jsonl":
            tree = [json.loads(line) for line in text.splitlines() if line.strip()]
        else:
            tree = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
        return [_numbered(number, entry) for number, entry in _entries(tree)]
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: is no text in UTF-8") from error
    except RecursionError as error:
        raise ValueError(f"{path}: is nested too deeply") from error
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ValueError(f"{path}: {' '.join((getattr(error, 'strerror', None) or str(error)).split())}") from error


def read_text(path: Path) -> str:
    """A file's text, without a byte order mark.

    Raises:
        OSError, UnicodeDecodeError, ValueError: it cannot be read, is no UTF-8, or larger than any codec or its examples.
    """
    with path.open("rb") as file:
        content = file.read(SIZE_LIMIT + 1)
    if len(content) > SIZE_LIMIT:
        raise ValueError(f"is larger than {SIZE_LIMIT} bytes")
    return content.decode("utf-8-sig")


def example(entry: dict[str, Any]) -> Example:
    """One example in the shape of the device repositories.

    Raises:
        ValueError: it has no input that could be used.
    """
    return _example(entry)


def _numbered(number: int, entry: dict[str, Any]) -> Example:
    try:
        return _example(entry)
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(f"example {number}: {error}") from error


def _entries(tree: Any) -> Iterator[tuple[int, dict[str, Any]]]:
    if isinstance(tree, dict):
        decoder = tree.get("uplinkDecoder")
        tree = decoder.get("examples") if isinstance(decoder, dict) else tree.get("examples", tree.get("uplink"))
    if not isinstance(tree, list):
        raise ValueError("holds no list of examples")
    uplinks = [(number, entry) for number, entry in enumerate(tree, 1) if isinstance(entry, dict) and _is_uplink(entry)]
    if tree and not uplinks:
        raise ValueError('holds no example of an uplink: {"input": {"bytes": …, "fPort": …}, "output": {"data": …}}')
    yield from uplinks


def _is_uplink(entry: dict[str, Any]) -> bool:
    given = entry.get("input")
    return isinstance(given, dict) and "bytes" in given and "uplink" in str(entry.get("type", "uplink")).lower()


def _example(entry: dict[str, Any]) -> Example:
    given, output = entry["input"], entry.get("output", entry.get("expected")) or {}
    if not isinstance(given, dict) or not isinstance(output, dict):
        raise ValueError("its input or its output is no object")
    normalized = entry.get("normalizedOutput")
    if isinstance(normalized, dict):
        normalized = normalized.get("data", normalized)
    time = from_any(_text(given.get("recvTime")))
    return Example(
        description=str(entry.get("description", entry.get("desc")) or ""),
        payload=_payload(given.get("bytes")),
        port=_port(given.get("fPort")),
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
    try:
        if isinstance(told, str):
            return bytes.fromhex(told)
        if isinstance(told, list):
            return bytes(told)
    except (ValueError, TypeError):
        pass
    raise ValueError("its bytes are neither a list of 0 to 255 nor hexadecimal text")


def _port(told: Any) -> int:
    try:
        port = int(told or 0)
    except (ValueError, TypeError, OverflowError):
        port = -1
    if not 0 <= port <= PORT_LIMIT:
        raise ValueError(f"its fPort is no number of 0 to {PORT_LIMIT}: {str(told)[:40]}")
    return port


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
