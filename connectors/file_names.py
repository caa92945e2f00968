"""File names for what devices, senders and imported files call themselves."""

from hashlib import sha256
from urllib.parse import quote

CHARACTERS = 180


def safe(identity: str) -> str:
    """A file name for an id that anybody may have made: never a path, never hidden, never too long, one for each.

    Percent-encoded, with dots; a long one is ``=`` and its sha-256, which no encoded one can be.
    """
    name = quote(identity, safe="").replace(".", "%2E")
    return name if 0 < len(name) <= CHARACTERS else f"={sha256(identity.encode()).hexdigest()}"
