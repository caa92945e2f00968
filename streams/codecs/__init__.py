"""Native payload codecs: pure, one file each."""

from collections.abc import Mapping

from streams.codecs import lpp
from streams.core.codec import Codec


def load() -> Mapping[str, Codec]:
    """Every native codec by its name."""
    return {codec.name: codec for codec in (lpp.CODEC,)}
