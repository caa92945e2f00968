"""Identities made from content, so that nobody has to give them out.

The same definitions stand in SQL (``sql/migrations``); ``tests/stack`` holds the two against each other.
"""

from collections.abc import Sequence
from functools import lru_cache

import xxhash

from streams.core import block as blocks
from streams.core.records import Block, Lineage, Measurement

GENERATION_BITS, OFFSET_BITS, PARTITION_BITS = 18, 38, 8


def device_key(source: str, identity: str) -> str:
    """A physical device's natural key: ``source:identity``."""
    return f"{source}:{identity}"


@lru_cache(maxsize=65_536)
def series_id(device: str, name: str) -> int:
    """The series' number in the store: xxHash64 (seed 0) of device key + 0x1F + measurement name, unsigned."""
    return xxhash.xxh64_intdigest(f"{device}\x1f{name}".encode())


def row_version(generation: int, partition: int, offset: int) -> int:
    """Generation, raw offset and raw partition in 18 + 38 + 8 bits: the higher version of a row wins.

    Raises:
        OverflowError: a part does not fit, so that the order would be wrong.
    """
    if generation >> GENERATION_BITS or offset >> OFFSET_BITS or partition >> PARTITION_BITS:
        raise OverflowError(f"generation {generation}, offset {offset} or partition {partition} is out of range")
    return (generation << OFFSET_BITS | offset) << PARTITION_BITS | partition


def generation_of(version: int) -> int:
    """The generation that ``row_version`` packed."""
    return version >> PARTITION_BITS + OFFSET_BITS


def version_parts(version: int) -> tuple[int, Lineage]:
    """The generation and the lineage that ``row_version`` packed."""
    partition = version & (1 << PARTITION_BITS) - 1
    offset = version >> PARTITION_BITS & (1 << OFFSET_BITS) - 1
    return version >> PARTITION_BITS + OFFSET_BITS, Lineage(partition, offset)


def content_id(device: str, measurements: Sequence[Measurement], runs: Sequence[Block] = ()) -> str:
    """The reading's id: the same device, times and values give the same id, whoever sent them and however often.

    A text and a number that look alike differ; a text is counted, so that no text can pass for two measurements. Where
    the mapping cuts blocks changes nothing.
    """
    parts = [device]
    for m in measurements:
        value = f"t{len(m.text)}:{m.text}" if m.text is not None else f"n{m.value!r}"
        parts.append(f"\x1f{m.name}\x1f{m.time}\x1f{value}")
    text = "".join(parts).encode()
    return xxhash.xxh3_128_hexdigest(text + _content(runs) if runs else text)


def _content(runs: Sequence[Block]) -> bytes:
    """Times and values of each name, in the blocks' order."""
    by_name: dict[str, list[Block]] = {}
    for block in runs:
        by_name.setdefault(block.name, []).append(block)
    return b"".join(
        f"\x1f{name}\x1fb{sum(map(blocks.count, same))}:".encode()
        + b"".join(blocks.times(block).tobytes() for block in same)
        + b"".join(block.values for block in same)
        for name, same in by_name.items()
    )
