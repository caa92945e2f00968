"""Mapping commands: which box feeds which place, since when. History is never edited away.

The laws, whatever is asked: at most one open mapping of a physical and of a logical device; the intervals of one physical
device never overlap; a logical device is fed by at most one physical device at any time; an interval that has ended stays
as it is. Source of the behaviour: IoTa's ``DAO.insert_mapping`` and the rows 45-49 of its acceptance list.
"""

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from streams.core.records import DeviceMapping, Interval, Pause, Variable
from streams.registry.state import MAPPING, Author, Change, Refused, State, changed

Fed = tuple[DeviceMapping, Interval]
"""An interval, and the mapping that it belongs to."""


def start(
    state: State, physical_uid: int, logical_uid: int, at: int, author: Author, *, force: bool = False,
    variables: Sequence[Variable] = (),
) -> list[Change]:  # fmt: skip
    """Map from ``at`` (ns, past or future) on. The logical device's open mapping ends at exactly that time.

    Raises:
        Refused: 404 unknown device; 400 the physical device is mapped and ``force`` is not given, or the time is taken.
    """
    own = state.mapping_of(state.physical_device(physical_uid))
    state.logical_device(logical_uid)
    if (mapped := open_interval(own)) is not None:
        if not force:
            raise Refused(400, f"Physical device {physical_uid} is mapped to logical device {mapped.logical_uid}.")
        own = _ended(own, at)
    ousted = _feeder(state, logical_uid)
    changes = [] if ousted is None or ousted.device == own.device else [_change(_ended(ousted, at), author)]
    _require_free(state, own, logical_uid, at)
    new = Interval(logical_uid=logical_uid, start=at, variables=_lawful(variables))
    return [*changes, _change(replace(own, intervals=[*own.intervals, new]), author)]


def end(mapping: DeviceMapping, at: int, author: Author) -> list[Change]:
    """End the open mapping at ``at`` (ns, past or future, after its start).

    Raises:
        Refused: 404 nothing is open; 400 the time is not after the start.
    """
    _require_open(mapping)
    return [_change(_ended(mapping, at), author)]


def pause(mapping: DeviceMapping, at: int, author: Author) -> list[Change]:
    """Pause the open mapping; nothing changes when it is paused. A mapping that starts later is paused from its start.

    Raises:
        Refused: 404 nothing is open.
    """
    interval = _require_open(mapping)
    if is_paused(interval):
        return []
    earliest = interval.pauses[-1].end if interval.pauses else None
    begun = Pause(max(at, interval.start, earliest or 0))
    return [_change(_with_last(mapping, replace(interval, pauses=[*interval.pauses, begun])), author)]


def resume(mapping: DeviceMapping, at: int, author: Author) -> list[Change]:
    """Resume the open mapping; nothing changes when it is active.

    Raises:
        Refused: 404 nothing is open.
    """
    interval = _require_open(mapping)
    if not is_paused(interval):
        return []
    *earlier, last = interval.pauses
    finished = [Pause(last.start, at)] if at > last.start else []
    return [_change(_with_last(mapping, replace(interval, pauses=[*earlier, *finished])), author)]


def show_as(mapping: DeviceMapping, variables: Sequence[Variable], since: int | None, author: Author) -> list[Change]:
    """What the open mapping renames, scales and drops: from its start on, or (``since``, ns) from then on.

    Raises:
        Refused: 404 nothing is open; 400 two variables speak of one name, or the time is not after the start.
    """
    interval = _require_open(mapping)
    lawful = _lawful(variables)
    if interval.variables == lawful:
        return []
    if since is None or since == interval.start:
        return [_change(_with_last(mapping, replace(interval, variables=lawful)), author)]
    before = _ended(mapping, since)
    pauses = [Pause(max(p.start, since), p.end) for p in interval.pauses if p.end is None or p.end > since]
    after = Interval(interval.logical_uid, since, None, pauses, lawful)
    return [_change(replace(before, intervals=[*before.intervals, after]), author)]


def of_physical(state: State, uid: int) -> DeviceMapping:
    """The mapping of a physical device, or ``Refused`` 404 when nothing is open."""
    mapping = state.mapping_of(state.physical_device(uid))
    _require_open(mapping)
    return mapping


def of_logical(state: State, uid: int) -> DeviceMapping:
    """The mapping whose open interval feeds a logical device, or ``Refused`` 404."""
    state.logical_device(uid)
    mapping = _feeder(state, uid)
    if mapping is None:
        raise Refused(404, f"Logical device {uid} is not mapped.")
    return mapping


def open_interval(mapping: DeviceMapping) -> Interval | None:
    """The interval without an end: always the last one."""
    return mapping.intervals[-1] if mapping.intervals and mapping.intervals[-1].end is None else None


def history_of_physical(state: State, uid: int) -> list[Fed]:
    """Every interval of a physical device, newest first; empty when there is no such device."""
    device = state.physical.get(uid)
    return [] if device is None else history(state.mapping_of(device))


def history_of_logical(state: State, uid: int) -> list[Fed]:
    """Every interval that ever fed a logical device, newest first."""
    return sorted(state.feeding(uid), key=lambda fed: fed[1].start, reverse=True)


def history(mapping: DeviceMapping) -> list[Fed]:
    """Every interval of a mapping, newest first."""
    return [(mapping, interval) for interval in reversed(mapping.intervals)]


def current(newest_first: Iterable[Fed], now: int) -> Fed | None:
    """The interval that holds ``now``, paused or not, else the open one, even when it starts later."""
    every = list(newest_first)
    holding = (fed for fed in every if fed[1].end is not None and fed[1].start <= now < fed[1].end)
    return next(holding, None) or next((fed for fed in every if fed[1].end is None), None)


def is_paused(interval: Interval) -> bool:
    """Whether its last pause has not ended, or lasted to the interval's end."""
    if not interval.pauses:
        return False
    last = interval.pauses[-1].end
    return last is None or last == interval.end


def _feeder(state: State, logical_uid: int) -> DeviceMapping | None:
    return next((mapping for mapping, interval in state.feeding(logical_uid) if interval.end is None), None)


def _lawful(variables: Sequence[Variable]) -> list[Variable]:
    for names in ([v.source for v in variables], [v.target for v in variables if v.target and not v.drop]):
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise Refused(400, f"Two variables speak of {twice[0]}.")
    return list(variables)


def _require_open(mapping: DeviceMapping) -> Interval:
    interval = open_interval(mapping)
    if interval is None:
        raise Refused(404, f"Physical device {mapping.physical_uid} is not mapped.")
    return interval


def _require_free(state: State, own: DeviceMapping, logical_uid: int, at: int) -> None:
    """Every closed interval of either side ends before the new one starts; the open ones are ended by the caller."""
    if any(i.end is not None and i.end > at for i in own.intervals):
        raise Refused(400, f"Physical device {own.physical_uid} was already mapped at or after that time.")
    if any(i.end is not None and i.end > at for _, i in state.feeding(logical_uid)):
        raise Refused(400, f"Logical device {logical_uid} was already fed at or after that time.")


def _ended(mapping: DeviceMapping, at: int) -> DeviceMapping:
    interval = mapping.intervals[-1]
    if at <= interval.start:
        raise Refused(400, f"The open mapping of physical device {mapping.physical_uid} starts at or after that time.")
    pauses = [Pause(p.start, at if p.end is None else min(p.end, at)) for p in interval.pauses if p.start < at]
    return _with_last(mapping, replace(interval, end=at, pauses=pauses))


def _with_last(mapping: DeviceMapping, interval: Interval) -> DeviceMapping:
    return replace(mapping, intervals=[*mapping.intervals[:-1], interval])


def _change(mapping: DeviceMapping, author: Author) -> Change:
    return Change(MAPPING, mapping.device, changed(mapping, author))
