"""Which generation a raw record is decoded in: the rule, as a function of the log alone.

Generations are opened by ``streams/registry/generations.py``.
"""

from collections.abc import Collection, Iterable

import msgspec

from streams.core.records import NO_TOPICS, Generation


class Hashes(msgspec.Struct, frozen=True):
    """What a worker can decode with: its own code, and every set of codecs, of rules and of signed topics that it holds."""

    code: str
    codecs: Collection[str]
    rules: Collection[str]
    topics: Collection[str] = (NO_TOPICS,)

    def cover(self, generation: Generation) -> bool:
        """Whether the worker decodes exactly as ``generation`` says."""
        known = generation.codecs in self.codecs and generation.rules in self.rules
        return generation.code == self.code and known and generation.topics in self.topics


class Run(msgspec.Struct, frozen=True):
    """Records ``[first, last]`` of a partition that are decoded in one generation."""

    first: int
    last: int
    generation: Generation


class NoGeneration(Exception):
    """The record at ``offset`` is in no generation that fits the worker."""

    def __init__(self, offset: int) -> None:
        super().__init__(f"no generation fits offset {offset}")
        self.offset = offset


def in_force(generations: Iterable[Generation], partition: int, offset: int) -> Generation | None:
    """The highest generation whose fence is not after the offset."""
    begun = (g for g in generations if g.fences.get(str(partition), offset + 1) <= offset)
    return max(begun, key=_number, default=None)


def generation_for(
    generations: Collection[Generation], partition: int, offset: int, hashes: Hashes
) -> Generation | None:
    """The generation that a worker with ``hashes`` decodes the record in; None when it must not decode it.

    It is the one in force, if it fits; else the lowest later one that does: new code that meets old records writes
    what a replay would write.
    """
    current = in_force(generations, partition, offset)
    lowest = -1 if current is None else current.number
    fitting = (g for g in generations if g.number >= lowest and hashes.cover(g))
    return min(fitting, key=_number, default=None)


def runs(generations: Collection[Generation], partition: int, first: int, last: int, hashes: Hashes) -> list[Run]:
    """``[first, last]`` cut at the fences.

    Raises:
        NoGeneration: a part of it must not be decoded.
    """
    return [_run(generations, partition, *span, hashes) for span in cut(generations, partition, first, last)]


def cut(generations: Iterable[Generation], partition: int, first: int, last: int) -> list[tuple[int, int]]:
    """``[first, last]`` cut at the fences: within a part all records are in one generation."""
    fences = {g.fences.get(str(partition), first) for g in generations}
    starts = [first, *sorted(fence for fence in fences if first < fence <= last)]
    ends = [*(start - 1 for start in starts[1:]), last]
    return list(zip(starts, ends, strict=True))


def _run(generations: Collection[Generation], partition: int, first: int, last: int, hashes: Hashes) -> Run:
    generation = generation_for(generations, partition, first, hashes)
    if generation is None:
        raise NoGeneration(first)
    return Run(first, last, generation)


def _number(generation: Generation) -> int:
    return generation.number
