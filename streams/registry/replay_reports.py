"""What a replay's runner reports, and which states may follow each other. Pure.

A replay is corrected only when somebody wished it, once live decoding is what it ran with, and never while another one
corrects rows that both may touch: entering APPLYING and UNDOING is checked here, in the registry's one order.
"""

from typing import Any

import msgspec
from msgspec import Struct, structs

from streams.core.replay_record import Replay
from streams.core.times import SECOND
from streams.registry import replays
from streams.registry.replays import OVER
from streams.registry.state import Author, Refused
from streams.registry.state import State as Registry
from streams.replay.job import Figures, Progress, State

WRITTEN_EVERY_S = 10
"""Reports of progress only are written this often, so that a topic does not grow by a bar."""

_STOPS = {State.CANCELLED, State.FAILED}
FOLLOWING: dict[State, set[State]] = {
    State.QUEUED: {State.SCANNING, *_STOPS},
    State.SCANNING: {State.DIFFING, *_STOPS},
    State.DIFFING: {State.SCANNING, State.READY, *_STOPS},
    State.READY: {State.APPLYING, *_STOPS},
    State.APPLYING: {State.APPLIED, *_STOPS},
    State.APPLIED: {State.UNDOING, State.FAILED},
    State.UNDOING: {State.UNDONE, State.FAILED},
    State.UNDONE: set(),
    State.CANCELLED: set(),
    State.FAILED: set(),
}
"""The states that a runner may report next; from FAILED only a wish leads on."""
TAKEN = {State.APPLYING: "apply", State.UNDOING: "undo"}
"""The wish without which the state is not entered, and which it fulfils."""


class Report(Struct, frozen=True, kw_only=True):
    """What a runner says; what it does not say stays. ``took_wish``: the wish that its record held is taken up."""

    runner: str
    state: State | None = None
    progress: Progress | None = None
    figures: Figures | None = None
    error: str | None = None
    ends: dict[str, int] | None = None
    code: str | None = None
    codecs: str | None = None
    rules: str | None = None
    topics: str | None = None
    generation: int | None = None
    undo_generation: int | None = None
    took_wish: bool = False


def report(state: Registry, replay: Replay, said: Report, author: Author) -> Replay:
    """The replay after a report. ``replay`` is as recorded, but with the time at which its runner was last heard.

    Raises:
        Refused: 409 another runner works on it, or its state does not allow what is said.
    """
    if replays.is_held(replay, said.runner, author.at):
        raise Refused(409, f"Replay {replay.id} is run by {replay.runner}.")
    if replays.is_done(replay, said.runner):
        raise Refused(409, f"Replay {replay.id} is {replay.state}: {replay.runner} has brought it there.")
    now = State(replay.state)
    to = said.state or now
    if to is not now:
        _check_follows(state, replay, to)
    _check_generations(replay, said, to)
    after = structs.replace(
        replay, **(_moved(replay, to) | _said(said)), wish=_wish_after(replay, said, to), seen_at=author.at
    )
    return structs.replace(after, changed_at=author.at) if _is_other(replay, after) else after


def is_due(recorded: Replay, after: Replay) -> bool:
    """Whether a report must be written, and not only be remembered until the next one."""
    return _is_other(recorded, after) or after.seen_at - recorded.seen_at >= WRITTEN_EVERY_S * SECOND


def _check_follows(state: Registry, replay: Replay, to: State) -> None:
    if to not in FOLLOWING[State(replay.state)]:
        raise Refused(409, f"Replay {replay.id} is {replay.state}, which {to} cannot follow.")
    if to in TAKEN and replay.wish != TAKEN[to]:
        raise Refused(409, f"Nobody asked to {TAKEN[to]} replay {replay.id}.")
    if to is State.APPLYING:
        replays.check_may_apply(state, replay)
    elif to is State.UNDOING:
        replays.check_is_free(state, replay)
    elif to is State.CANCELLED and replays.is_visible(replay):
        raise Refused(409, f"The rows of replay {replay.id} are visible already.")


def _check_generations(replay: Replay, said: Report, to: State) -> None:
    """Each is told in its own state, and never becomes another."""
    for name, own in (("generation", State.APPLYING), ("undo_generation", State.UNDOING)):
        number, known = getattr(said, name), getattr(replay, name)
        if number is not None and (to is not own or known not in {None, number}):
            raise Refused(409, f"The {name} of replay {replay.id} is {known or 'not open yet'}, not {number}.")


def _said(said: Report) -> dict[str, Any]:
    given = {name: value for name, value in structs.asdict(said).items() if value is not None}
    for name in ("progress", "figures"):
        if name in given:
            given[name] = msgspec.json.encode(given[name]).decode()
    return {name: value for name, value in given.items() if name not in {"state", "took_wish"}}


def _moved(replay: Replay, to: State) -> dict[str, Any]:
    if to == replay.state:
        return {}
    return {"state": to.value, "error": "", "failed_in": _failing_in(replay) if to is State.FAILED else ""}


def _failing_in(replay: Replay) -> str:
    """An undo that has opened no generation yet has written nothing, and keeps nobody from its rows."""
    begun = replay.state != State.UNDOING or replay.undo_generation is not None
    return replay.state if begun else State.APPLIED.value


def _wish_after(replay: Replay, said: Report, to: State) -> str:
    """A report that is sent again, because its answer was lost, must not take a wish that came meanwhile.

    A cancel that comes after the rows have become visible comes too late.
    """
    ends = to is not State(replay.state) and to in {State.APPLIED, State.FAILED, *OVER}
    too_late = replay.wish == "cancel" and said.figures is not None and said.figures.visible_ms > 0
    took = said.took_wish and replay.wish == TAKEN.get(to, replay.wish)
    return "" if ends or too_late or took else replay.wish


def _is_other(one: Replay, other: Replay) -> bool:
    return any(
        getattr(one, name) != getattr(other, name)
        for name in one.__struct_fields__
        if name not in {"progress", "seen_at", "changed_at"}
    )
