"""What came while a check was under way is on neither side; a row of a record that no log has is on the store's."""

from collections import Counter
from types import SimpleNamespace

import pytest

from connectors.verify import core, letters, log_side, logged, report, store_side
from connectors.verify.compare import Difference
from connectors.verify.expected import Contents, Point, letter_key
from connectors.verify.letters import Letters
from connectors.verify.log_side import LogSide
from connectors.verify.origins import GONE, Origins
from streams.core.identity import row_version
from streams.core.records import DeadLetter
from streams.settings import Settings
from tests.connectors.verify.test_reconcile import OURS, generation

READ, NOW = {0: 10}, {0: 12}
"""How far raw was read, and where it ended when the store had been read."""


def compared(
    monkeypatch: pytest.MonkeyPatch, found: Contents, told: list[DeadLetter] | None = None
) -> tuple[dict[str, Difference], int]:
    """What differs from an empty log, and how many points are newer."""
    monkeypatch.setattr(store_side, "read", lambda *_: found)
    monkeypatch.setattr(letters, "read", lambda _: Letters(told or []))
    monkeypatch.setattr(log_side, "ends", lambda _: NOW, raising=False)
    origins = Origins((generation(1, 0),), OURS, (), {})
    differences, _, newer = report._compare(Settings(), LogSide(ends=READ), origins, ())
    return {one.table: one for one in differences if not one.equal}, newer


def test_a_letter_of_a_sink_about_a_later_record_is_not_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The topic had it, and the store's was left out."""
    later = DeadLetter(stage="sink:clickhouse", reason="out-of-range", detail="", raw_partition=0, raw_offset=11, at=1)

    assert compared(monkeypatch, Contents(dead_letters=Counter({letter_key(later): 1})), [later]) == ({}, 0)


def test_rows_of_records_that_raw_has_lost_are_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """They counted as newer than the check, and the loss of the log's end as no fault."""
    found = Contents(points={(1, offset): Point(1.0, None, None, row_version(1, 0, offset)) for offset in (11, 12, 13)})

    differing, newer = compared(monkeypatch, found)

    assert ({table: one.extra for table, one in differing.items()}, newer) == ({"points": 2}, 1)


def test_rows_of_records_that_kafka_deletes_while_the_check_begins_are_not_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begins = {0: 0}

    def read(*_: object) -> LogSide:
        begins[0] = 6
        return LogSide(ends=READ)

    found = Contents(points={(1, offset): Point(1.0, None, None, row_version(1, 0, offset)) for offset in (5, 6)})
    monkeypatch.setattr(
        core, "load", lambda _: SimpleNamespace(generations=(generation(1, 0),), hashes=OURS, replays=())
    )
    monkeypatch.setattr(letters, "read", lambda _: Letters())
    monkeypatch.setattr(log_side, "read", read)
    monkeypatch.setattr(log_side, "begins", lambda _: dict(begins))
    monkeypatch.setattr(log_side, "ends", lambda _: READ)
    monkeypatch.setattr(store_side, "read", lambda *_: found)
    monkeypatch.setattr(logged, "committed", lambda *_: {})
    monkeypatch.setattr(logged, "compare", lambda *_: logged.Compared([], Counter()))

    told = report.check(Settings())

    assert {one.table: one.extra for one in told.differences if one.extra} == {"points": 1}
    assert told.unchecked == {GONE: 1}
