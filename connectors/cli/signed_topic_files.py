"""Files that register signed topics, as people write them."""

import json
import os
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from connectors.api.signed_topic_shapes import NewSignedTopic
from streams.core.signed_topic import SignedTopic
from streams.registry import signed_topics
from streams.registry.state import Author, Refused, State

READERS: dict[str, Callable[[str], Any]] = {
    ".toml": tomllib.loads,
    ".json": json.loads,
    ".yaml": yaml.safe_load,
    ".yml": yaml.safe_load,
}
KEY_VARIABLE = "ISTHMUS_SIGNED_KEY"


class BadFile(Exception):
    """It cannot be used: why, in one sentence that quotes no key."""


def entries(file: Path) -> list[dict[str, Any]]:
    """What the file says of each topic, as the API takes it.

    Raises:
        BadFile: it says nothing of topics.
    """
    reader = READERS.get(file.suffix.lower())
    if reader is None:
        raise BadFile(f"{file}: the name must end in {', '.join(READERS)}")
    try:
        told = reader(file.read_text("utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        # Not the parser's own words: they quote the file, which may hold keys.
        raise BadFile(
            f"{file}: {error if isinstance(error, OSError) else f'is no {file.suffix[1:].upper()}'}"
        ) from None
    found = told.get("topics", [told]) if isinstance(told, dict) else told
    if not isinstance(found, list) or not all(isinstance(e, dict) and isinstance(e.get("topic"), str) for e in found):
        raise BadFile(f"{file}: each entry needs its topic")
    return [json.loads(json.dumps(entry, default=str)) for entry in found]  # TOML and YAML know times


def with_key(entry: dict[str, Any], secret: str) -> dict[str, Any]:
    """The entry with one more key."""
    return entry | {"keys": [*entry.get("keys", []), {"key": secret}]}


def key_of_environment() -> str | None:
    """The key that the variable holds; it is no setting, which all other ISTHMUS_ variables have to be."""
    return os.environ.pop(KEY_VARIABLE, None)


def records(file: Path, secret: str | None) -> list[SignedTopic]:
    """The topics as they would be registered, without an API.

    Raises:
        BadFile: the API would refuse one of them.
    """
    return [_record(file, entry if secret is None else with_key(entry, secret)) for entry in entries(file)]


def _record(file: Path, entry: dict[str, Any]) -> SignedTopic:
    place = f"{file}: {entry['topic']}"
    try:
        body = NewSignedTopic.model_validate(entry)
        (made,) = signed_topics.add(State(), body.record(body.topic), body.given_keys() or (), Author("decode", 0))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise BadFile(f"{place}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    except Refused as error:
        raise BadFile(f"{place}: {error.detail} ({KEY_VARIABLE} may hold it)") from None
    assert isinstance(made.record, SignedTopic)  # noqa: S101 - for the type checker
    return made.record
