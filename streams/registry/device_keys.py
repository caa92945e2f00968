"""A device's key from what people know of it, so that it can be registered and mapped before its first message.

Each decoder says it for its source (``Decoder.device``), and makes the same keys from what a device says;
``tests/streams/registry/test_device_keys.py`` holds the two against each other.
"""

from collections.abc import Mapping
from functools import cache

from streams import decoders
from streams.core.identity import device_key
from streams.core.message import Decoder
from streams.core.options import Options


def key_of(source: str, source_ids: Mapping[str, str]) -> str | None:
    """The device key; None when the source ids do not say which device it is."""
    decoder = _decoders().get(source)
    return None if decoder is None else decoder.device(source_ids)


def unnamed_key(source: str, uid: int) -> str:
    """The key of a device that nobody can name yet."""
    return device_key(source, f"uid-{uid}")


@cache
def _decoders() -> Mapping[str, Decoder]:
    """Which settings they are told makes no difference to keys."""
    return decoders.load(Options())
