"""Replay commands: ask for one, and wish something of it; which replays exclude each other. Pure.

A replay is run by whoever reports (``replay_reports``); people only leave wishes, which the runner takes up. What a
report may say of states is there; what a person may wish in which state is here.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct, structs

from streams.core.replay_record import Replay
from streams.core.times import SECOND
from streams.registry.hashes import PARTS
from streams.registry.state import REPLAYS, Author, Change, Refused
from streams.registry.state import State as Registry
from streams.replay.job import WORKING, Figures, Mode, State
from streams.replay.selection import Offsets, Selection

HELD_S = 30
"""A runner that was silent for longer has lost the replay; another one may go on with it."""
LOOKING = (State.QUEUED, State.SCANNING, State.DIFFING)
CORRECTING = (State.APPLYING, State.UNDOING)
OVER = (State.UNDONE, State.CANCELLED)
SINKS = ("ubidots",)
"""Outgoing sinks that can be told of a correction; files always are."""

Wishes = Callable[[Registry, Replay], dict[str, Any]]
"""What changes in the record; nothing: it is so already."""


class Asked(Struct, frozen=True, kw_only=True):
    """What a person asks for. ``apply``: go on to apply when the dry run is done; ``runner``: who runs it, when known."""

    mode: Mode
    selection: Selection = Selection()
    candidates: tuple[str, ...] = ()
    mapping_as_of: str = "event"
    sinks: tuple[str, ...] = ()
    allow_holes: bool = False
    apply: bool = False
    runner: str = ""


def create(state: Registry, asked: Asked, author: Author) -> list[Change]:
    """Queue a replay.

    Raises:
        Refused: 400 it makes no sense; 409 it may not be applied.
    """
    if fault := _fault(asked):
        raise Refused(400, fault)
    if asked.apply and asked.candidates:
        raise Refused(409, "A replay that tries decoders or codecs which are not deployed can only be a dry run.")
    number = max(state.replays, default=0) + 1
    fields = {name: value for name, value in structs.asdict(asked).items() if name not in {"selection", "apply"}}
    queued = Replay(
        id=number,
        state=State.QUEUED.value,
        wish="apply" if asked.apply else "",
        created_at=author.at,
        created_by=author.name,
        seen_at=author.at if asked.runner else 0,
        selection=msgspec.json.encode(asked.selection).decode(),
        **(fields | {"mode": asked.mode.value, "candidates": list(asked.candidates), "sinks": list(asked.sinks)}),
        **author.stamp(),
    )
    return [Change(REPLAYS, str(number), queued)]


def wish(state: Registry, number: int, what: str, author: Author) -> list[Change]:
    """Wish that a replay be applied, undone, cancelled, or (failed) tried again where it failed; ``what``: of ``WISHES``.

    A wish that stands already changes nothing. What no worker works on is cancelled at once.

    Raises:
        Refused: 404 unknown; 409 not in the state that it is in, or not beside another replay.
    """
    replay = found(state, number)
    fields = WISHES[what](state, replay)
    if not fields:
        return []
    why = "; ".join(part for part in (replay.why, f"{what}: {author.why}" if author.why else "") if part)
    return [Change(REPLAYS, str(number), structs.replace(replay, **fields, **(author.stamp() | {"why": why})))]


def found(state: Registry, number: int) -> Replay:
    """The replay, or ``Refused`` 404."""
    if number not in state.replays:
        raise Refused(404, f"There is no replay {number}.")
    return state.replays[number]


def check_may_apply(state: Registry, replay: Replay) -> None:
    """It was decoded as live data are now, by deployed code, and no other replay corrects rows that it may touch.

    Raises:
        Refused: 409.
    """
    if replay.candidates:
        raise Refused(
            409, f"Replay {replay.id} tried decoders or codecs which are not deployed: deploy them, then replay again."
        )
    newest = state.newest_generation()
    differing = [part for part in PARTS if getattr(replay, part) != getattr(newest, part, None)]
    if differing and replay.mode != Mode.PLACE:
        raise Refused(
            409,
            f"Live decoding is not what replay {replay.id} ran with ({' and '.join(differing)} differ): "
            "deploy that, or run the replay again.",
        )
    check_is_free(state, replay)


def check_is_free(state: Registry, replay: Replay) -> None:
    """No other replay is amid correcting rows that this one may touch.

    Raises:
        Refused: 409.
    """
    for other in state.replays.values():
        if other.id != replay.id and is_correcting(other) and may_touch_the_same(replay, other):
            how = f"has failed while {other.failed_in}: retry it first" if other.failed_in else f"is {other.state}"
            raise Refused(409, f"Replay {other.id} may touch the same rows, and {how}.")


def is_correcting(replay: Replay) -> bool:
    """Whether it is amid an apply or undo, be it that it failed there."""
    return (replay.failed_in or replay.state) in CORRECTING


def is_held(replay: Replay, runner: str, at: int) -> bool:
    """Whether another runner than this works on it."""
    silent = at - replay.seen_at >= HELD_S * SECOND
    return replay.runner not in {"", runner} and replay.state in WORKING and not silent


def is_done(replay: Replay, runner: str) -> bool:
    """Whether another runner brought it to where it rests: this one was frozen since, and knows of nothing."""
    return replay.runner not in {"", runner} and replay.state not in WORKING and not replay.wish


def is_visible(replay: Replay) -> bool:
    """Whether its rows are known to stand in the live tables."""
    return msgspec.json.decode(replay.figures, type=Figures).visible_ms > 0


def may_touch_the_same(one: Replay, other: Replay) -> bool:
    """False only when it is provable from the selections that no row is touched by both.

    Sources prove it: their series differ. Offsets and times of receipt do not, since two raw records may tell the same
    point; nor do devices, since a raw record is replayed as a whole, with the points of devices that nobody named.
    Placing alone works on points, not on raw records.
    """
    a, b = (msgspec.json.decode(replay.selection, type=Selection) for replay in (one, other))
    placing = one.mode == Mode.PLACE and other.mode == Mode.PLACE
    return not (_apart(a.sources, b.sources) or (placing and _apart(a.devices, b.devices)))


def _apply(state: Registry, replay: Replay) -> dict[str, Any]:
    if replay.failed_in == State.APPLYING:
        return _gone_on(state, replay)
    at = replay.failed_in or replay.state
    if replay.wish == "cancel" or at not in {*LOOKING, State.READY}:
        raise _not_now(replay, "apply")
    if replay.candidates or at == State.READY:
        check_may_apply(state, replay)
    wished = {} if replay.wish == "apply" else {"wish": "apply"}
    return wished | _gone_on(state, replay)


def _undo(state: Registry, replay: Replay) -> dict[str, Any]:
    if replay.failed_in == State.UNDOING:
        return _gone_on(state, replay)
    if (replay.failed_in or replay.state) != State.APPLIED:
        raise _not_now(replay, "undo")
    check_is_free(state, replay)
    return {} if replay.wish == "undo" else {"wish": "undo"} | _gone_on(state, replay)


def _cancel(state: Registry, replay: Replay) -> dict[str, Any]:
    if replay.state == State.CANCELLED:
        return {}
    if (replay.failed_in or replay.state) not in {*LOOKING, State.READY, State.APPLYING}:
        raise _not_now(replay, "cancel")
    if is_visible(replay):
        raise Refused(409, f"The rows of replay {replay.id} are visible already: let it end, then undo it.")
    if _is_at_once(replay):
        return {"state": State.CANCELLED.value, "wish": "", "failed_in": ""}
    return {} if replay.wish == "cancel" else _gone_on(state, replay) | {"wish": "cancel"}


def _retry(state: Registry, replay: Replay) -> dict[str, Any]:
    if replay.state != State.FAILED:
        raise _not_now(replay, "retry")
    return _gone_on(state, replay)


WISHES: dict[str, Wishes] = {"apply": _apply, "undo": _undo, "cancel": _cancel, "retry": _retry}


def _gone_on(state: Registry, replay: Replay) -> dict[str, Any]:
    """A failed replay goes on in the state that it failed in."""
    if replay.state != State.FAILED:
        return {}
    if is_correcting(replay):
        check_is_free(state, replay)
    return {"state": replay.failed_in or State.QUEUED.value, "failed_in": "", "error": ""}


def _is_at_once(replay: Replay) -> bool:
    """Nobody began it; or it is run by a command with decoders of its own, which may be gone, and no worker takes it up."""
    return bool(replay.candidates) or (replay.state == State.QUEUED and not replay.runner)


def _not_now(replay: Replay, what: str) -> Refused:
    waits = f", and {replay.wish} has been asked for" if replay.wish else ""
    while_ = f" (while {replay.failed_in})" if replay.failed_in else ""
    return Refused(409, f"{what} is not possible: replay {replay.id} is {replay.state}{while_}{waits}.")


def _fault(asked: Asked) -> str | None:
    chosen = asked.selection
    of_letters = bool(chosen.stages or chosen.reasons)
    faults = {
        "Stages and reasons choose among dead letters: they need mode dead-letters.": of_letters
        and asked.mode != Mode.DEAD_LETTERS,
        "A candidate is tried by decoding: mode decode or dead-letters.": bool(asked.candidates)
        and asked.mode in {Mode.PLACE, Mode.RESTORE},
        "The first time of the measurements must be before the last.": _empty(chosen.time_from, chosen.time_until),
        "The first time of receipt must be before the last.": _empty(chosen.received_from, chosen.received_until),
        "Offsets are partition: [first, end], with first below end.": not all(map(_is_range, chosen.offsets.items())),
        f"Corrections go to {' and '.join(SINKS)} only.": not set(asked.sinks) <= set(SINKS),
        "mapping_as_of is event or now.": asked.mapping_as_of not in {"event", "now"},
    }
    return next((sentence for sentence, so in faults.items() if so), None)


def _is_range(item: tuple[str, Offsets]) -> bool:
    partition, (first, end) = item
    return partition.isdecimal() and 0 <= first < end


def _empty(first: int | None, end: int | None) -> bool:
    return first is not None and end is not None and first >= end


def _apart(some: tuple[Any, ...], others: tuple[Any, ...]) -> bool:
    """Both name what they take, and nothing in common."""
    return bool(some and others) and set(some).isdisjoint(others)
