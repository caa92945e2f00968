"""Decoders: pure, one file per source."""

from collections.abc import Mapping

from streams.core.decode import Options
from streams.core.message import Decoder
from streams.decoders import json_object, ttn, wombat, ydoc


def load(options: Options) -> Mapping[str, Decoder]:
    """Every decoder by the source that it understands."""
    known: tuple[Decoder, ...] = (
        ttn.DECODER,
        wombat.DECODER,
        ydoc.Ydoc(options.ydoc_utc_offset),
        json_object.JsonObject(options),
    )
    return {decoder.name: decoder for decoder in known}
