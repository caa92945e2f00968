"""Avro schemas and topic declarations: data, and the one loader that reads them."""

import json
import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

AvroSchema = dict[str, Any]


@cache
def names() -> tuple[str, ...]:
    """Every record that has a schema."""
    return tuple(sorted(entry.name for entry in files(__name__).iterdir() if (entry / "v1.avsc").is_file()))


@cache
def versions(name: str) -> tuple[AvroSchema, ...]:
    """The released schemas of a record, oldest first; a released one is never edited."""
    folder = files(__name__) / name
    paths = sorted((p for p in folder.iterdir() if p.name.endswith(".avsc")), key=lambda p: int(p.name[1:-5]))
    return tuple(json.loads(path.read_text("utf-8")) for path in paths)


@cache
def topics() -> dict[str, dict[str, Any]]:
    """The declarations of ``topics.toml``, by topic name."""
    declared: dict[str, dict[str, Any]] = tomllib.loads((files(__name__) / "topics.toml").read_text("utf-8"))
    return declared
