"""Replays that place points, as the worker asks for them: which devices may be placed now, and what goes on. Pure.

What failed goes on rather than that another one begins.
"""

from collections.abc import Iterable, Sequence

import msgspec

from streams.core.replay_record import Replay
from streams.registry.replays import is_correcting
from streams.replay.job import Figures, Mode, State
from streams.replay.selection import Selection


def failed(replays: Iterable[Replay], devices: Sequence[str]) -> Replay | None:
    """The newest placement of just these devices that failed before it was applied; it can go on."""
    found = (replay for replay in replays if _failed(replay, devices))
    return max(found, key=lambda replay: replay.id, default=None)


def free(replays: Iterable[Replay], devices: Sequence[str]) -> list[str]:
    """Those of the devices of which no replay is amid correcting rows: placing the others would be refused.

    A placement that failed there may stay so for long: it keeps only its own devices waiting, and not when it is what goes on.
    """
    taken = set[str]()
    for replay in replays:
        if not is_correcting(replay) or _failed(replay, devices):
            continue
        chosen = _devices(replay)
        if replay.mode != Mode.PLACE or not chosen:
            return []
        taken.update(chosen)
    return [device for device in devices if device not in taken]


def undone_from(replay: Replay) -> int:
    """From which offset of `device-mapping` on changes are to be looked at again once the replay is undone.

    What had changed and was not placed yet when it was applied it placed along, so that its undo takes that back as well.
    Who undoes a placement wants just that.
    """
    figures = msgspec.json.decode(replay.figures, type=Figures)
    if replay.mode == Mode.PLACE or figures.placed_position < 0:
        return figures.mapping_position
    return min(figures.placed_position, figures.mapping_position)


def _failed(replay: Replay, devices: Sequence[str]) -> bool:
    before = replay.state == State.FAILED and replay.failed_in not in {State.APPLIED, State.UNDOING}
    return before and replay.mode == Mode.PLACE and _devices(replay) == tuple(devices)


def _devices(replay: Replay) -> tuple[str, ...]:
    return msgspec.json.decode(replay.selection, type=Selection).devices
