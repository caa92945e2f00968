"""What may be a name: of a measurement, of a device."""

from functools import lru_cache
from unicodedata import category

NAME_LIMIT = 200


def is_name(text: str) -> bool:
    """1 to 200 characters, no control characters, no lone surrogates, so that every store and client can hold it."""
    return 0 < len(text) <= NAME_LIMIT and _is_clean(text)


@lru_cache(maxsize=65_536)
def _is_clean(text: str) -> bool:
    return not any(category(character) in ("Cc", "Cs") for character in text)
