"""A registered payload codec, as topic `codecs` holds it."""

from msgspec import field

from streams.core.records import Changed


class Codec(Changed, frozen=True, kw_only=True):
    """A registered payload codec; ``hash`` is the sha-256 of ``code``.

    ``mode`` is how JavaScript gets a clean world for each message; ``lenient``: a bare object counts as its data.
    ``examples`` is JSON; ``failing`` of them came out otherwise when it was registered all the same.
    """

    name: str
    hash: str
    language: str
    code: str
    applies_to: list[str] = field(default_factory=list)
    mode: str = "wrapped"
    lenient: bool = False
    examples: str = "[]"
    failing: int = 0
