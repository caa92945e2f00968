"""Which windows may be sent as aggregates, and why all others are repairs.

A worker folds one ``readings`` partition. For each (series, window) it either holds *every* point that the store can
hold up to its position, and sends an Aggregate; or it sends a Repair, and the store computes the window from its own
points. The first claim is proved from three facts about the log:

1. Every ``readings`` record has a log time, given by the broker (LogAppendTime). A point's time is at most ``ahead``
   later than the log time of its record: decoding refuses times further than the future limit after receipt, receipt
   is never later than the log time of ``raw`` (``streams.core.receipt``), and ``ahead`` has a grace for its tolerance
   and for the clocks of brokers.
2. A worker has folded every record with a log time of ``covered_from`` or later, up to its position. What it has not
   folded came before ``covered_from``, so its points lie at or before ``covered_from + ahead``.
3. What replays change in the store, without a record in ``readings``, comes from raw records before the fences of a
   generation. They were appended before it was opened, so their points lie at or before ``opened_at + ahead``.

So a window that *starts after* ``max(covered_from, opened_at) + ahead`` lacks nothing, if its span has not been closed:
that is ``covered``. A window of points older than a fence starts before that line, and is never an aggregate.

The third fact is of use only to a worker that knows the generation. One that stood still may hold rows of a generation
it has not heard of; what replays did to their windows it cannot tell, so those are repairs. Windows whose rows are all
of generations it knows are safe: what a later generation's replay wrote there has the higher generation.

A point that breaks the first fact is known when it comes: its span is given up for that series, as long as it is open.
A span is closed when log time has passed its end by ``hold``, or earlier when memory is short; the line ``closed`` only
rises, and a closed span is never opened again, so a late point for it always becomes a repair.

Why an aggregate is right wherever it comes from: its label is the highest offset that changed the window, in the set of
all records up to some position. Two workers, one of them a zombie, that send the same label have the same set, because
no record between the label and either position changed it. The highest label therefore belongs to the whole log, unless
the last change was handled by a worker that did not cover the window, and that worker sent a Repair of that label. A
record is done only after what it touched is durable; so at rest each (series, window) is exact or being repaired.
"""

from collections.abc import Iterable

from msgspec import Struct

from streams.core.records import Generation

BEGINNING = 0
"""Covered from here: nothing is missing at all."""


class Known(Struct, frozen=True):
    """What a worker knows of generations.

    ``newest``: the highest number. ``opened``: when the latest was opened that has raw records before its fences, in
    ns; BEGINNING if none has.
    """

    newest: int
    opened: int


def known(generations: Iterable[Generation]) -> Known:
    """What these generations say, those aside that are only announced: no row is of them yet."""
    held = [generation for generation in generations if generation.fences]
    opened = max((g.opened_at for g in held if any(g.fences.values())), default=BEGINNING)
    return Known(max((g.number for g in held), default=0), opened)


def covered(start: int, covered_from: int, opened: int, ahead: int) -> bool:
    """Whether a window that starts at ``start``, in an open span, lacks no point."""
    line = max(covered_from, opened)
    return line == BEGINNING or start > line + ahead
