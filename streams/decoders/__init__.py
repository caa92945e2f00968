"""Decoders: pure, one file per source. A module here that defines ``DECODER`` is found by itself."""

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules

from streams.core.message import Decoder
from streams.core.options import Options


def load(options: Options) -> Mapping[str, Decoder]:
    """Every decoder by the source that it understands, in order of their names.

    ``DECODER`` is a decoder, or a class of one that takes the options.

    Raises:
        ValueError: two modules decode one source.
    """
    known: dict[str, Decoder] = {}
    for module in sorted(found.name for found in iter_modules(__path__)):
        decoder = getattr(import_module(f"{__name__}.{module}"), "DECODER", None)
        made: Decoder | None = decoder(options) if isinstance(decoder, type) else decoder
        if made is not None and known.setdefault(made.name, made) is not made:
            raise ValueError(f"source {made.name} has two decoders: {module} is the second")
    return dict(sorted(known.items()))
