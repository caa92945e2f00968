"""A replay decodes with the memory that live decoding had, whatever it selects."""

from collections.abc import Sequence

from streams import pipeline
from streams.core.memory import History, remembers
from streams.core.records import RawRecord
from streams.replay import memories
from streams.replay.job import Mode
from streams.replay.selection import Selection
from streams.replay.staging import Stager
from streams.replay.store import Staged
from streams.replay.task import Registry, Task
from streams.settings import DecodeSettings, Settings
from tests import sparkplug
from tests.streams.replay.staging import chunk, generation, rows

BIRTH = sparkplug.payload([sparkplug.metric("t", sparkplug.single(20.5), alias=7, datatype=9)])
REBIRTH = sparkplug.payload([sparkplug.metric("p", sparkplug.single(1.5), alias=7, datatype=9)])


def message(kind: str, payload: bytes) -> RawRecord:
    return RawRecord(
        id="0190", source="sparkplug", transport="mqtt", address=f"spBv1.0/plant/{kind}/line-1/pump",
        received_at=sparkplug.MS * 1_000_000, payload=payload,
    )  # fmt: skip


def data(value: float, at: int) -> RawRecord:
    return message(
        "DDATA", sparkplug.payload([sparkplug.metric(value=sparkplug.single(value), alias=7)], sparkplug.MS + at)
    )


EVERYTHING = Selection()
LOG = [
    message("DBIRTH", BIRTH),
    data(21.5, 1),
    data(22.5, 2),
    message("DBIRTH", REBIRTH),
    data(2.5, 3),
    message("DBIRTH", BIRTH),
    data(23.5, 4),
]


def history(log: Sequence[RawRecord]) -> History:
    found, decoder = History(), pipeline.decoders(DecodeSettings())["sparkplug"]
    assert remembers(decoder)
    memories.fold(found, {"sparkplug": decoder}, chunk(log), {})
    return found


def staged(first: int, last: int, selection: Selection = EVERYTHING) -> Staged:
    task = Task(settings=Settings(), selection=selection, mode=Mode.DECODE, history=history(LOG))
    return Stager(task, Registry(mappings={}, generations=(generation(1),))).stage(chunk(LOG[first:last], first))


def test_a_range_that_begins_after_a_birth_gives_the_rows_of_the_whole() -> None:
    whole = rows(staged(0, len(LOG)))
    for cut in range(len(LOG)):
        assert rows(staged(0, cut)) + rows(staged(cut, len(LOG))) == whole
    assert [row[2] for row in whole] == [1.0, 20.5, 21.5, 22.5, 1.0, 1.5, 2.5, 1.0, 20.5, 23.5]


def test_births_outside_of_the_selection_still_define() -> None:
    for offset, value in ((1, 21.5), (2, 22.5), (4, 2.5), (6, 23.5)):
        made = staged(0, len(LOG), Selection(offsets={"1": (offset, offset + 1)}))
        assert ([row[2] for row in rows(made)], made.dead_letters) == ([value], [])


def test_it_is_kept_only_what_defines_something_new() -> None:
    again = [*LOG, message("DBIRTH", BIRTH), message("DBIRTH", BIRTH)]
    assert [offset for offset, _ in history(again).of("sparkplug:plant/line-1", 1)] == [0, 3, 5]
