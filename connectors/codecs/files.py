"""Codecs and their examples in files, as vendors publish them and people write them."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from streams.core.times import to_text
from streams.javascript.examples import Example, read_examples, read_text

LANGUAGES = {".js": "javascript", ".cjs": "javascript", ".mjs": "javascript", ".json": "table", ".toml": "table"}
"""By the end of a file's name."""
BESIDE = ("{stem}-codec.yaml", "{stem}.examples.yaml", "{stem}.examples.yml", "{stem}.examples.json", "{stem}.examples.jsonl",
          "examples.json")  # fmt: skip
"""Where examples are looked for when nobody says where they are: first The Things Network's device repository."""


def language_of(path: Path, told: str | None = None) -> str:
    """What the file is written in.

    Raises:
        ValueError: nobody says so, and its name does not either.
    """
    found = told or LANGUAGES.get(path.suffix.lower())
    if found is None:
        raise ValueError(f"{path}: is it javascript or table? Say so with --language")
    return found


def read_code(path: Path) -> str:
    """The file's text.

    Raises:
        ValueError: in one line, why there is none.
    """
    try:
        return read_text(path)
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} cannot be read: it is no text in UTF-8") from error
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error


def examples_beside(path: Path) -> Path | None:
    """The file of examples that lies beside a codec, by the customs of those who publish them."""
    named = (path.with_name(pattern.format(stem=path.stem)) for pattern in BESIDE)
    return next((found for found in named if found != path and found.is_file()), None)


def examples_of(path: Path, told: Path | None) -> list[Example]:
    """The codec's examples: of the file that is told, else of the one beside it, else none.

    Raises:
        ValueError: the file cannot be used.
    """
    source = told or examples_beside(path)
    return [] if source is None else read_examples(source)


def entries(examples: Iterable[Example]) -> list[dict[str, Any]]:
    """Examples as the API takes them."""
    return [_entry(example) for example in examples]


def name_of(path: Path) -> str:
    """What a codec is called that nobody names."""
    return path.name.split(".")[0]


def _entry(example: Example) -> dict[str, Any]:
    told: dict[str, Any] = {"description": example.description} if example.description else {}
    told["input"] = {"bytes": example.payload.hex(), "fPort": example.port, "recvTime": to_text(example.time)}
    told["input"] |= {name: of for name, of in (("device", example.device), ("variables", example.variables)) if of}
    output = {"data": example.data, "errors": example.errors, "warnings": example.warnings}
    told["output"] = {name: value for name, value in output.items() if value}
    return told if example.normalized is None else told | {"normalizedOutput": {"data": example.normalized}}
