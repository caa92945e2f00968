"""Remove devices: those that nothing depends on, or, when asked in so many words, with everything that does.

What was measured stays, and so does the history that says where it was measured: both belong to the device key, not to
the record that is removed. Source of the need: IoTa lost mapping history in a delete that then failed.
"""

from streams.core.records import DeviceMapping, PhysicalDevice
from streams.registry import mappings, notes
from streams.registry.state import LOGICAL, MAPPING, PHYSICAL, Author, Change, Refused, State, changed


def remove_physical(state: State, uid: int, author: Author, *, cascade: bool = False) -> list[Change]:
    """Remove a physical device that never spoke, was never mapped and has no notes.

    ``cascade``: any; its open mapping ends now, its notes go. Should it speak again, it is a new device.

    Raises:
        Refused: 404 unknown device; 409 it has data, a mapping history or notes, and ``cascade`` is not given.
    """
    device = state.physical_device(uid)
    mapping, written = state.mapping_of(device), state.notes_of(uid)
    if not cascade:
        _require_bare(device, mapped=bool(mapping.intervals), noted=bool(written))
    removed = Change(PHYSICAL, str(uid), changed(device, author, deleted_at=author.at))
    history = _closed(state, device, author) if mapping.intervals else [Change(MAPPING, device.device, None, author)]
    return [removed, *history, *(change for note in written for change in notes.remove(state, note.uid, author))]


def remove_logical(state: State, uid: int, author: Author, *, cascade: bool = False) -> list[Change]:
    """Remove a logical device that was never mapped; ``cascade``: any, its open mapping ends now.

    Raises:
        Refused: 404 unknown device; 409 it has a mapping history, and ``cascade`` is not given.
    """
    device = state.logical_device(uid)
    fed = mappings.history_of_logical(state, uid)
    if fed and not cascade:
        raise Refused(409, f"Logical device {uid} has a mapping history; cascade=true ends it and removes the device.")
    ended = [change for mapping, interval in fed if interval.end is None for change in _ended(mapping, author)]
    return [Change(LOGICAL, str(uid), changed(device, author, deleted_at=author.at)), *ended]


def _require_bare(device: PhysicalDevice, *, mapped: bool, noted: bool) -> None:
    has = {"sent data": _spoke(device), "a mapping history": mapped, "notes": noted}
    found = [what for what, holds in has.items() if holds]
    if found:
        raise Refused(409, f"Physical device {device.uid} has {' and '.join(found)}; cascade=true removes it anyway.")


def _spoke(device: PhysicalDevice) -> bool:
    """Whether a message of its came: ``last_seen`` alone may have been written by a person."""
    return device.last_raw is not None or '"creation_correlation_id"' in device.properties


def _closed(state: State, device: PhysicalDevice, author: Author) -> list[Change]:
    mapping = state.mapping_of(device)
    return [] if mappings.open_interval(mapping) is None else _ended(mapping, author)


def _ended(mapping: DeviceMapping, author: Author) -> list[Change]:
    """Ended now; one that has not begun yet never was."""
    interval = mapping.intervals[-1]
    if interval.start < author.at:
        return mappings.end(mapping, author.at, author)
    return [Change(MAPPING, mapping.device, changed(mapping, author, intervals=mapping.intervals[:-1]))]
