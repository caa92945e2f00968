"""What a generation is made of, as short hashes: the decoding code, and the codecs, rules and signed topics in force."""

from collections.abc import Iterable, Iterator
from functools import cache
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable

import msgspec

from streams.core.codec_record import Codec
from streams.core.records import Rule
from streams.core.signed_topic import SignedTopic, digest
from streams.settings import DecodeSettings

DECODING = ("streams.core", "streams.decoders", "streams.codecs", "streams.javascript")
DECODING_FILES = ("pipeline.py", "raw.py")
"""of package streams itself: what decoders are told, and how a raw record is opened"""
CODE_SUFFIXES = (".py", ".json", ".toml", ".js")
"""Tables that decoding code reads from its own folder change readings as much as the code does."""
NOT_TOLD = (
    "instance",
    "batch_max",
    "seen_interval_s",
    "health_port",
    "javascript_workers",
    "javascript_kept",
    "javascript_budget_mb",
)
"""Decode settings that change no reading."""
DEFAULTS = DecodeSettings()
LENGTH = 16
"""hex digits kept"""
PARTS = ("code", "codecs", "rules", "topics")
"""What decides on readings besides the raw bytes and the mapping, as generations and replays name it."""


@cache
def code_hash(settings: DecodeSettings = DEFAULTS) -> str:
    """How this process decodes: every file of the decoding code (path and bytes), and the settings that it is told."""
    digest = sha256(settings.model_dump_json(exclude=set(NOT_TOLD)).encode())
    for path, content in _decoding_files():
        digest.update(f"{path}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:LENGTH]


def codecs_hash(codecs: Iterable[Codec]) -> str:
    """What the registered codecs do, whatever their order and whoever registered them."""
    return hash_of_lines(map(codec_line, codecs))


def rules_hash(rules: Iterable[Rule]) -> str:
    """What the rules do, whatever their order and whoever wrote them."""
    return hash_of_lines(map(rule_line, rules))


def topics_hash(topics: Iterable[SignedTopic]) -> str:
    """What the signed topics let through, keys as hashes; how long it is kept changes no reading."""
    return hash_of_lines(map(topic_line, topics))


def codec_line(c: Codec) -> bytes:
    """What counts of a codec."""
    return msgspec.json.encode((c.name, c.hash, c.language, c.mode, c.lenient, sorted(c.applies_to)))


def rule_line(r: Rule) -> bytes:
    """What counts of a rule."""
    return msgspec.json.encode(
        (r.id, r.source, r.model, r.device, r.measurement, r.target, r.unit, r.scale, r.offset, r.drop)
    )


def topic_line(t: SignedTopic) -> bytes:
    """What counts of a signed topic."""
    keys = [(digest(key.key), key.not_before, key.not_after) for key in t.keys]
    return msgspec.json.encode(
        (t.topic, t.dataset, sorted(t.tags.items()), t.fields, t.extra_fields, t.freshness, keys)
    )


def hash_of_lines(lines: Iterable[bytes]) -> str:
    """Of a set of codecs, rules or signed topics; whoever follows a set keeps their lines, and makes one anew for a change."""
    return sha256(b"\n".join(sorted(lines))).hexdigest()[:LENGTH]


@cache
def _decoding_files() -> tuple[tuple[str, bytes], ...]:
    """Read once: the code that runs is the code that was there at the start."""
    alone = ((f"streams/{name}", (files("streams") / name).read_bytes()) for name in DECODING_FILES)
    below = (entry for package in DECODING for entry in _files_under(package, files(package)))
    return tuple(sorted((*alone, *below)))


def _files_under(path: str, folder: Traversable) -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        if entry.is_dir() and entry.name != "__pycache__":
            yield from _files_under(f"{path}/{entry.name}", entry)
        elif entry.name.endswith(CODE_SUFFIXES):
            yield f"{path}/{entry.name}", entry.read_bytes()
