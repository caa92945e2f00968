"""JSON by configuration: which mapping is meant, and the values that it names.

A path that is not there costs its own value: the others go on, and the rejection names the path. Without paths an object
gives one value per field, nested ones joined by a slash, after the topic's levels that the mapping leaves over.
"""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

from msgspec import Struct

from streams.core.message import Value
from streams.core.options import Field, JsonMapping
from streams.core.paths import MISSING, Path, compiled, find
from streams.core.topic import Found, match

DEPTH_LIMIT = 16
BARE = "value"
"""Name of a bare number, text or bool whose topic says no other."""


class Reader(Struct, frozen=True):
    """A mapping, with its paths compiled."""

    mapping: JsonMapping
    device: tuple[Path, ...]
    time: tuple[Path, ...]
    values: tuple[tuple[Path, Field], ...]

    def found(self, topic: str) -> Found | None:
        """What the topic says; None when the mapping is not for it."""
        return match(self.mapping.topic, topic) if self.mapping.topic else Found({}, ())

    def takes(self, identity: str) -> bool:
        """Whether it is for this device."""
        patterns = self.mapping.devices
        return not patterns or any(fnmatchcase(identity, pattern) for pattern in patterns)

    def read(self, body: Any, rest: tuple[str, ...], time: int) -> tuple[list[Value], list[str]]:
        """Values, and the paths where there was none."""
        if not self.values:
            return list(_fields(body, "/".join(rest), time, self._told(body))), []
        values, missing = [], []
        for path, field in self.values:
            content = find(body, path)
            if content is MISSING:
                missing.append(field.path)
            else:
                values.append(Value(field.name, scaled(content, field), time, field.unit))
        return values, missing

    def _told(self, body: Any) -> set[str | int]:
        """Top-level fields that hold device and time."""
        return {path[0] for path in (*self.device, *self.time) if path and find(body, path) is not MISSING}


def reader(mapping: JsonMapping) -> Reader:
    """The mapping, ready to read.

    Raises:
        ValueError: a path is none.
    """
    return Reader(
        mapping,
        tuple(map(compiled, mapping.device)),
        tuple(map(compiled, mapping.time)),
        tuple((compiled(field.path), field) for field in mapping.values),
    )


def scaled(content: Any, field: Field) -> Any:
    """Numbers and bools times scale plus offset; anything else as it is."""
    if not isinstance(content, (int, float)) or (field.scale, field.offset) == (1.0, 0.0):
        return content
    try:
        return content * field.scale + field.offset
    except OverflowError:
        return content


def _fields(content: Any, prefix: str, time: int, told: set[str | int], depth: int = 0) -> Iterator[Value]:
    if isinstance(content, dict) and content and depth < DEPTH_LIMIT and len(prefix) <= 200:
        for key, part in content.items():
            if depth or key not in told:
                yield from _fields(part, f"{prefix}/{key}" if prefix else key, time, told, depth + 1)
    else:
        yield Value(prefix or BARE, content, time)
