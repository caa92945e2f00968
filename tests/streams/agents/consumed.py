"""A record, as batches of tests have them."""

from dataclasses import dataclass


@dataclass
class Record:
    """All that a batch asks of a record."""

    offset: int = 0
    timestamp: int = 0
    key: bytes | None = None
    value: bytes | None = None
