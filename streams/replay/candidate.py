"""A decoder that is not deployed yet, from the operator's own file: `isthmus replay run --decoder NAME=FILE`.

The file is a Python module with ``DECODER``: a ``streams.core.message.Decoder``, or a class of one that takes
``streams.core.options.Options``. It runs as the operator's own code, in the replay's processes, for dry runs only. Complete:

    from streams.core.message import Message
    from streams.core.sender import sender
    from streams.core.message import Value
    import json

    class Shed:
        name, version = "shed", 1

        def key(self, record):
            return "shed:" + json.loads(record.payload)["id"]

        def open(self, record):
            body = json.loads(record.payload)
            who = sender("shed", body["id"], {"id": body["id"]})
            return [Message(sender=who, time=record.received_at, values=[Value("level", body["l"], record.received_at, "m")])]

    DECODER = Shed()
"""

import sys
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from types import ModuleType

from streams import decoders as known
from streams import pipeline
from streams.core.message import Decoder
from streams.core.options import Options
from streams.core.signed_topic import SignedTopic
from streams.settings import DecodeSettings

HASH_DIGITS = 16


def load(name: str, path: Path, options: Options | None = None) -> Decoder:
    """The decoder of source ``name`` that the file defines.

    Raises:
        ValueError: in one line, why the file cannot be used.
    """
    module = _module(name, path)
    decoder = getattr(module, "DECODER", None)
    if decoder is None:
        raise ValueError(f"{path} defines no DECODER")
    if isinstance(decoder, type):
        try:
            decoder = decoder(options or Options())
        except Exception as error:
            raise ValueError(f"{path}: DECODER is a class that does not take Options: {_line(error)}") from error
    return _checked(decoder, name, path)


def among(
    settings: DecodeSettings, candidates: Iterable[tuple[str, Path]], topics: Iterable[SignedTopic] = ()
) -> Mapping[str, Decoder]:
    """The installed decoders, with candidates (name of the source, file) in the place of some.

    Raises:
        ValueError: a candidate cannot be used.
    """
    options = pipeline.options(settings, topics)
    return {**known.load(options), **{name: load(name, path, options) for name, path in candidates}}


def label(name: str, path: Path) -> str:
    """What a replay's record calls it: ``name@`` and 16 hexadecimal digits of the file's sha-256.

    Raises:
        ValueError: there is no such file.
    """
    return f"{name}@{sha256(_source(path)).hexdigest()[:HASH_DIGITS]}"


def _module(name: str, path: Path) -> ModuleType:
    """Run the file; nothing is written beside it. Known to ``sys.modules``, where msgspec looks up annotations."""
    source = _source(path)
    module = ModuleType(f"isthmus_candidate_{name}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module
    try:
        exec(compile(source, str(path), "exec"), module.__dict__)  # noqa: S102 - the operator's own code, as announced
    except SyntaxError as error:
        raise ValueError(f"{path}, line {error.lineno}: {error.msg}") from error
    except (Exception, SystemExit) as error:
        raise ValueError(f"{path} cannot be run: {_line(error)}") from error
    return module


def _source(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from error


def _checked(decoder: object, name: str, path: Path) -> Decoder:
    told = getattr(decoder, "name", None)
    if told != name:
        raise ValueError(f"{path}: DECODER.name is {told!r}, expected {name!r}")
    if not isinstance(getattr(decoder, "version", None), int):
        raise ValueError(f"{path}: DECODER.version must be a whole number")
    for method in ("key", "open"):
        if not callable(getattr(decoder, method, None)):
            raise ValueError(f"{path}: DECODER has no {method}(record)")
    return decoder  # type: ignore[return-value]  # just checked, attribute by attribute


def _line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
