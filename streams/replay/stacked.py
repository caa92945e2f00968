"""Corrections that lie on one another are taken back from the top, as a pile is: each finds what it left. Pure but for the store.

Taken back from below, a correction would leave alone what those above it wrote, and they would later put back its own
rows: everything undone, and nothing as it was. Rows decide, not selections: what touches nothing of it keeps nobody waiting.
"""

from collections.abc import Iterable

from streams.core.replay_record import Replay
from streams.replay.course import Course, Failed
from streams.replay.job import State
from streams.replay.store import ReplayStore


def check(course: Course, others: Iterable[Replay], store: ReplayStore) -> None:
    """Whether a correction can be taken back now.

    Raises:
        Failed: what to do before, or that there is nothing to take back.
    """
    course.begin("looking what stands of it")
    replay, known = course.replay, list(others)
    back = undos(known)
    above = [other for other in known if _may_lie_above(replay, other) and store.held(replay.id, other.id, back)]
    if above:
        raise Failed(_wait_for(above))
    if not store.held(replay.id, replay.id, back):
        raise Failed(
            "nothing of it can be taken back: it changed nothing, its rows have all been replaced since, "
            "or what it replaced is not kept any more (setting replay.keep_days)"
        )


def undos(replays: Iterable[Replay]) -> list[int]:
    """The generations of undos: what stands at one of these is what stood before a correction."""
    return [replay.undo_generation for replay in replays if replay.undo_generation is not None]


def _may_lie_above(replay: Replay, other: Replay) -> bool:
    """Corrections are applied in the order of their generations; one that restores has none, and writes where nothing is."""
    stands = (other.failed_in or other.state) == State.APPLIED
    return stands and (other.generation or 0) > (replay.generation or 0)


def _wait_for(above: Iterable[Replay]) -> str:
    """The newest first, which is the order in which they can be taken back."""
    by_age = sorted(above, key=lambda other: other.generation or 0, reverse=True)
    named = ", then ".join(f"{other.id} ({other.mode})" for other in by_age)
    return f"a later correction stands on what it wrote: undo replay {named} first"
