"""Native payload codecs: pure. Programs are one file each, tables one declaration each in ``tables``."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from streams.codecs import lpp, table
from streams.core.codec import Codec


@cache
def load() -> Mapping[str, Codec]:
    """Every native codec by its name."""
    tables = [table.load(code, name) for name, code in declarations().items()]
    return {codec.name: codec for codec in lpp.CODECS} | {codec.name: codec for codec in tables}


def declarations() -> Mapping[str, str]:
    """The tables that come with this package, by name."""
    found = sorted(files("streams.codecs").joinpath("tables").iterdir(), key=lambda entry: entry.name)
    return {
        entry.name.removesuffix(".toml"): entry.read_text("utf-8") for entry in found if entry.name.endswith(".toml")
    }
