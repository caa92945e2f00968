"""Note commands: what people write down about a physical device. Source of the behaviour: IoTa's device notes."""

from streams.core.registry_records import DeviceNote
from streams.registry.state import NOTES, Author, Change, Refused, State, changed


def add(state: State, physical_uid: int, note: str, author: Author) -> list[Change]:
    """Write a note, at the author's time.

    Raises:
        Refused: 404 unknown device.
    """
    state.physical_device(physical_uid)
    uid = state.next_uid(NOTES)
    written = DeviceNote(uid=uid, physical_uid=physical_uid, at=author.at, note=note, **author.stamp())
    return [Change(NOTES, str(uid), written)]


def edit(state: State, uid: int, note: str, at: int | None, author: Author) -> list[Change]:
    """Write a note anew; ``at`` None: it keeps its time.

    Raises:
        Refused: 404 unknown note.
    """
    known = found(state, uid)
    if (note, at or known.at) == (known.note, known.at):
        return []
    return [Change(NOTES, str(uid), changed(known, author, note=note, at=known.at if at is None else at))]


def remove(state: State, uid: int, author: Author) -> list[Change]:
    """Remove a note.

    Raises:
        Refused: 404 unknown note.
    """
    return [Change(NOTES, str(uid), changed(found(state, uid), author, deleted_at=author.at))]


def found(state: State, uid: int) -> DeviceNote:
    """The note, or ``Refused`` 404."""
    if uid not in state.notes:
        raise Refused(404, f"There is no note with uid {uid}.")
    return state.notes[uid]
