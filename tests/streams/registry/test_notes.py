"""Notes about devices."""

import pytest

from streams.core.registry_records import DeviceNote
from streams.registry import notes
from streams.registry.state import Author, Command, Refused, State
from tests.streams.registry.folded import BY, box, do, registry


def noted(*texts: str) -> State:
    state = registry()
    uid = box(state)
    for at, text in enumerate(texts):
        do(state, notes.add(state, uid, text, Author("ann", 100 - at)))
    return state


def test_notes_come_oldest_first() -> None:
    assert [(note.uid, note.at, note.note) for note in noted("b", "a").notes_of(1)] == [(2, 99, "a"), (1, 100, "b")]


def test_a_note_is_edited_and_keeps_its_time_unless_one_is_given() -> None:
    state = noted("a")
    do(state, notes.edit(state, 1, "b", None, BY))
    assert (state.notes[1].note, state.notes[1].at, state.notes[1].changed_by) == ("b", 100, "ann")
    do(state, notes.edit(state, 1, "b", 7, BY))
    assert state.notes_of(1) == [state.notes[1]]
    assert state.notes[1].at == 7


def test_a_removed_note_is_gone_and_its_uid_is_not_given_again() -> None:
    state = noted("a")
    do(state, notes.remove(state, 1, BY))
    assert state.notes_of(1) == []
    do(state, notes.add(state, 1, "b", BY))
    expected = DeviceNote(uid=2, physical_uid=1, at=1000, note="b", changed_at=1000, changed_by="ann", why="new probe")
    assert state.notes_of(1) == [expected]


def test_what_is_not_there_is_404() -> None:
    state = noted()
    commands: list[Command] = [
        lambda state: notes.add(state, 9, "a", BY),
        lambda state: notes.edit(state, 9, "a", None, BY),
        lambda state: notes.remove(state, 9, BY),
    ]
    for command in commands:
        with pytest.raises(Refused) as refused:
            command(state)
        assert refused.value.status == 404
