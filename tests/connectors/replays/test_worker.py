"""What a worker remembers before it begins."""

from threading import Event
from typing import Any, cast

import msgspec
import pytest

from connectors.replays import placing, worker
from connectors.replays.office import Office
from connectors.replays.worker import Worker
from streams.core.replay_record import Replay
from streams.replay.job import Figures, Mode, State
from streams.settings import Settings


def undoing() -> Replay:
    figures = msgspec.json.encode(Figures(mapping_position=5)).decode()
    return Replay(id=1, mode=Mode.DECODE.value, state=State.APPLIED.value, wish="undo", selection="{}", figures=figures)


class Changes:
    """Hears from where places are to be looked at again."""

    def __init__(self, heard: list[Any]) -> None:
        self._heard = heard

    def again(self, position: int) -> None:
        self._heard.append(position)


class Registered:
    """An office with this one replay."""

    def get(self, _: int) -> Replay:
        return undoing()


def test_places_are_to_be_looked_at_again_before_an_undo_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[Any] = []

    def dies(*_: Any, **__: Any) -> None:
        heard.append("undo")
        raise TimeoutError

    monkeypatch.setattr(worker, "run_replay", dies)
    made = Worker(Settings(), Event())
    made._changes, made._office = cast(placing.MappingChanges, Changes(heard)), cast(Office, Registered())
    made._view._data[b"1"] = undoing()

    with pytest.raises(TimeoutError):
        made._turn()

    assert heard == [5, "undo"]
