"""Decoders are found by themselves."""

from streams import decoders
from streams.core.options import Options


def test_every_module_with_a_decoder_is_found_in_order_of_the_sources() -> None:
    found = decoders.load(Options())

    assert list(found) == sorted(found)
    assert {"json", "ttn", "wombat", "ydoc"} <= set(found)
    assert all(decoder.name == name for name, decoder in found.items())
