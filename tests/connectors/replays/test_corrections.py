"""What an absence of Ubidots, or the end of the process, does to corrections on their way there."""

from collections.abc import Callable, Sequence
from threading import Event

import pytest

from connectors.replays import corrections
from connectors.replays.corrected import Correction, corrected
from connectors.replays.corrections import Sent, Told, send_ubidots
from connectors.sinks import ubidots
from connectors.sinks.base import Record, Rejection, Transient
from streams import avro
from streams.core.records import Reading
from streams.core.times import SECOND
from streams.replay.course import Stopped
from streams.settings import Settings
from tests.connectors.replays.making import AROUND, NOON, correction, replay

ROWS = [
    correction(1.0, offset=0),
    correction(2.0, offset=1),
    correction(9.0, offset=2, removed=True),
    correction(3.0, offset=3),
    correction(3.5, offset=3, time=NOON + SECOND),
    correction(4.0, offset=4),
]


class Listed:
    """Keeps the raw offsets of what it is given, unless it is away."""

    def __init__(self) -> None:
        self.given: list[int] = []
        self.away: Callable[[int], None] = lambda _: None

    def write(self, batch: Sequence[Record]) -> list[Rejection]:
        offsets = [avro.decode(record.value or b"", Reading).raw_offset for record in batch]
        for offset in offsets:
            self.away(offset)
        self.given += offsets
        return []

    def close(self) -> None:
        pass


@pytest.fixture
def sink(monkeypatch: pytest.MonkeyPatch) -> Listed:
    made = Listed()
    monkeypatch.setattr(ubidots, "make", lambda _: made)
    monkeypatch.setattr(corrections, "READINGS", 2)
    monkeypatch.setattr(corrections, "BACK_OFF_S", (0, 0))
    monkeypatch.setattr(corrections, "_corrected", in_portions_of_one_row_of_offset_3)
    return made


def in_portions_of_one_row_of_offset_3(_: object, generation: int, rows: Sequence[Correction]) -> object:
    """A portion may end within a reading, whose halves then come one after the other."""
    every = list(rows)
    cut = next((index + 1 for index, row in enumerate(every) if row.raw_offset == 3), len(every))
    for portion in (every[:cut], every[cut:]):
        yield from corrected(portion, generation, AROUND)


def away_at(place: int) -> Callable[[int], None]:
    def check(offset: int) -> None:
        if offset == place:
            raise Transient("away")

    return check


def test_what_was_sent_before_an_absence_is_not_sent_again_after_it(sink: Listed) -> None:
    told = Told()
    sink.away = away_at(4)
    with pytest.raises(Transient):
        send_ubidots(Settings(), replay(), ROWS, told=told)
    assert sink.given == [0, 1, 3, 3]

    sink.away = lambda _: None
    sent = send_ubidots(Settings(), replay(), ROWS, told=told)

    assert sink.given == [0, 1, 3, 3, 4]
    assert sent == Sent(points=5, readings=5, withdrawn=1)


def test_another_generation_is_sent_from_its_first_row(sink: Listed) -> None:
    told = Told()
    send_ubidots(Settings(), replay(), ROWS[:1], told=told)
    sent = send_ubidots(Settings(), replay(undo_generation=6), ROWS[:1], undo=True, told=told)

    assert sink.given == [0, 0]
    assert sent == Sent(points=1, readings=1)


def test_who_waits_for_ubidots_ends_when_told(sink: Listed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corrections, "BACK_OFF_S", (0, 3600))
    stop, asked = Event(), list[int]()

    def away(offset: int) -> None:
        asked.append(offset)
        if len(asked) == 2:
            stop.set()
        raise Transient("away")

    sink.away = away
    with pytest.raises(Stopped):
        send_ubidots(Settings(), replay(), ROWS, stop=stop)
    assert asked == [0, 0]


def test_who_sends_ends_between_two_batches_when_told(sink: Listed) -> None:
    stop = Event()
    sink.away = lambda offset: stop.set() if offset == 1 else None
    with pytest.raises(Stopped):
        send_ubidots(Settings(), replay(), ROWS, stop=stop)
    assert sink.given == [0, 1]
