"""What a replay's store does besides decoding again: places, lost rows, names, dead letters, lookups, reports."""

from collections.abc import Callable

import pytest

from connectors.sinks.base import Transient
from connectors.sinks.clickhouse.store import Store
from streams.core.identity import row_version, series_id
from streams.core.records import DeadLetter, DeviceMapping, Interval, Pause
from streams.core.times import HOUR
from streams.replay.job import Counts
from streams.replay.runs import Runs
from streams.replay.selection import Selection
from streams.replay.store import GROUPS, Difference, SeriesName, Staged, TouchedWindow
from tests.stack.replay_rows import Row, Rows, final, latest, put
from tests.stack.replayed import GENERATION, JOB, UNDO, Replayed
from tests.stack.store import NOON

DEVICE = "json:probe"
T, H = series_id(DEVICE, "t"), series_id(DEVICE, "h")


def row(value: float | str, offset: int, generation: int = 1, uid: int = 0, partition: int = 0) -> Row:
    number, text = (None, value) if isinstance(value, str) else (value, "")
    return Row(number, text, 0, uid, row_version(generation, partition, offset))


def staged(rows: Rows, covered: Runs) -> Staged:
    made = Staged(selected=covered)
    for (series, ts), one in rows.items():
        cells = (series, ts, *one.content, one.version, "lpp@1")
        columns = ("series_id", "ts", "value", "text", "quality", "logical_uid", "version", "codec")
        for column, cell in zip(columns, cells, strict=True):
            getattr(made, column).append(cell)
    return made


def named(bench: Replayed, series: int, name: str, unit: str, version: int) -> None:
    bench.store.command(
        f"INSERT INTO series SELECT {series}, '{DEVICE}', '{name}', '{unit}', 'json', fromUnixTimestamp64Nano({NOON}), {version}"
    )


def units(bench: Replayed) -> dict[str, str]:
    return dict(bench.rows("SELECT name, unit FROM series FINAL"))


def applied(bench: Replayed, one: Staged, mode: str = "decode", generation: int = GENERATION) -> Counts:
    bench.replay.open(JOB)
    bench.replay.stage(JOB, one, {0: 100})
    counts = bench.replay.diff(JOB, mode=mode)
    bench.replay.build(JOB, generation)
    bench.replay.attach(JOB)
    return counts


def undone(bench: Replayed) -> None:
    bench.replay.build_undo(JOB, UNDO)
    bench.replay.attach_undo(JOB)


def test_points_are_placed_by_the_mapping_of_their_time_and_nothing_else_is_touched(bench: Replayed) -> None:
    named(bench, T, "t", "C", 1)
    put(bench.store, {(T, NOON + i * HOUR): row(float(i), i, uid=7 if i < 2 else 0) for i in range(6)})
    mapping = DeviceMapping(
        device=DEVICE,
        physical_uid=1,
        intervals=[Interval(7, NOON + HOUR, NOON + 5 * HOUR, pauses=[Pause(NOON + 3 * HOUR, NOON + 4 * HOUR)])],
    )

    assert bench.replay.misplaced([mapping]) == 3
    bench.replay.open(JOB)
    looked = [bench.replay.stage_places(JOB, [mapping], Selection()) for _ in range(2)]
    counts = bench.replay.diff(JOB, mode="place")
    bench.replay.build(JOB, GENERATION)
    bench.replay.attach(JOB)

    assert (looked, counts) == ([6, 6], Counts(changed=3))
    assert [one.uid for _, one in sorted(final(bench.store).items())] == [0, 7, 7, 0, 7, 0]
    assert bench.replay.misplaced([mapping]) == 0
    undone(bench)
    assert [one.uid for _, one in sorted(final(bench.store).items())] == [7, 7, 0, 0, 0, 0]


def test_devices_with_long_names_and_a_mapping_of_many_pauses_are_placed_together(bench: Replayed) -> None:
    """The statement that named them was longer than ClickHouse takes, and was tried again for ever."""
    names = [DEVICE, *("json:" + "é" * 190 + str(number) for number in range(499))]
    mappings = [DeviceMapping(device=name, physical_uid=1, intervals=[Interval(7, NOON)]) for name in names]
    pauses = [Pause(NOON + HOUR + number, NOON + HOUR + number + 1) for number in range(0, 2000, 2)]
    mappings.append(DeviceMapping(device="json:paused", physical_uid=1, intervals=[Interval(7, NOON, pauses=pauses)]))
    named(bench, T, "t", "C", 1)
    put(bench.store, {(T, NOON + i): row(float(i), i) for i in range(3)})

    bench.replay.open(JOB)
    assert bench.replay.misplaced(mappings) == 3
    assert bench.replay.stage_places(JOB, mappings, Selection()) == 3


def test_places_are_selected_by_time_and_by_either_logical_device(bench: Replayed) -> None:
    named(bench, T, "t", "C", 1)
    put(bench.store, {(T, NOON + i * HOUR): row(float(i), i, uid=i) for i in range(4)})
    mapping = DeviceMapping(device=DEVICE, physical_uid=1, intervals=[Interval(9, NOON)])
    bench.replay.open(JOB)
    found = []
    for selection in (Selection(logical=(2,)), Selection(logical=(9,), time_from=NOON + HOUR), Selection(logical=(8,))):
        bench.replay.stage_places(JOB, [mapping], selection)
        found.append(bench.replay.diff(JOB, mode="place").changed)

    assert found == [1, 3, 0]
    with pytest.raises(ValueError, match="time of receipt"):
        bench.replay.stage_places(JOB, [mapping], Selection(received_from=NOON))


def test_lost_rows_come_back_as_they_were_and_corrections_stay(bench: Replayed) -> None:
    decoded = {(T, NOON + i): row(float(i), i) for i in range(5)}
    put(bench.store, {(T, NOON): row(0.0, 0), (T, NOON + 1): row(10.0, 1, generation=3), (T, NOON + 9): row(9.0, 4)})
    put(bench.store, {(T, NOON + 2): row(0.0, 2, generation=3)._replace(gone=True)})

    counts = applied(bench, staged(decoded, Runs([(0, 0, 4)])), mode="restore", generation=0)

    assert (counts, bench.replay.shielded(JOB)) == (Counts(added=2, removed=1, same=1), 2)
    expected = {
        (T, NOON): row(0.0, 0),
        (T, NOON + 1): row(10.0, 1, generation=3),
        (T, NOON + 3): row(3.0, 3),
        (T, NOON + 4): row(4.0, 4),
        (T, NOON + 9): row(9.0, 4),
    }
    assert final(bench.store) == expected
    assert bench.replay.attach(JOB) == 0
    undone(bench)
    assert final(bench.store).keys() == expected.keys() - {(T, NOON + 3), (T, NOON + 4)}


def test_lost_rows_that_a_sink_wrote_again_meanwhile_do_not_pass_for_the_whole(bench: Replayed) -> None:
    decoded = {(T, NOON + i): row(float(i), i) for i in range(3)}
    bench.replay.open(JOB)
    bench.replay.stage(JOB, staged(decoded, Runs([(0, 0, 2)])), {0: 3})
    bench.replay.diff(JOB, mode="restore")
    bench.replay.build(JOB, 0)
    put(bench.store, {(T, NOON): row(0.0, 0)})

    assert not bench.replay.attached(JOB)
    bench.replay.build(JOB, 0)
    bench.replay.attach(JOB)
    assert final(bench.store) == decoded


def test_new_names_stand_before_the_points_and_old_units_come_back(bench: Replayed) -> None:
    named(bench, T, "t", "C", row_version(1, 0, 2))
    put(bench.store, {(T, NOON): row(1.0, 2)})
    again = staged({(T, NOON): row(2.0, 2), (H, NOON): row(3.0, 2)}, Runs([(0, 2, 2)]))
    again.names = {
        T: SeriesName(DEVICE, "t", "K", "json", NOON, 0, 2),
        H: SeriesName(DEVICE, "h", "%", "json", NOON, 0, 2),
    }

    applied(bench, again)
    assert units(bench) == {"t": "K", "h": "%"}
    undone(bench)
    assert units(bench) == {"t": "C", "h": "%"}


def test_a_later_record_outside_of_the_replay_keeps_its_unit(bench: Replayed) -> None:
    named(bench, T, "t", "F", row_version(1, 0, 50))
    again = staged({(T, NOON): row(2.0, 2)}, Runs([(0, 2, 2)]))
    again.names = {T: SeriesName(DEVICE, "t", "K", "json", NOON, 0, 2)}

    applied(bench, again)
    assert units(bench) == {"t": "F"}


def test_a_correction_of_nothing_is_nothing(bench: Replayed) -> None:
    put(bench.store, {(T, NOON): row(1.0, 1)})

    assert applied(bench, staged({(T, NOON): row(1.0, 1)}, Runs([(0, 1, 1)]))) == Counts(same=1)
    undone(bench)
    assert bench.replay.settle(JOB, (60,)) == 0
    assert final(bench.store) == {(T, NOON): row(1.0, 1)}


def test_a_window_that_somebody_else_wrote_meanwhile_is_told(bench: Replayed) -> None:
    named(bench, T, "t", "C", 1)
    put(bench.store, {(T, NOON): row(1.0, 1), (T, NOON + HOUR): row(1.0, 2)})
    applied(bench, staged({(T, NOON): row(2.0, 1), (T, NOON + HOUR): row(2.0, 2)}, Runs([(0, 1, 2)])))
    bench.replay.settle(JOB, (60, 3600))
    bench.store.command(
        "INSERT INTO aggregates (series_id, window_s, start, count, sum, version) "
        f"SELECT {T}, 60, fromUnixTimestamp64Nano({NOON}), 1, 1.0, {(GENERATION << 46) + 8}"
    )

    assert bench.replay.unsettled(JOB, (60, 3600)) == [TouchedWindow(DEVICE, "t", "C", 60, NOON)]


def test_a_latest_point_that_a_slow_sink_writes_after_it_went_is_mended(bench: Replayed) -> None:
    old = {(T, NOON): row(1.0, 1), (T, NOON + HOUR): row(2.0, 2)}
    put(bench.store, old)
    applied(bench, staged({(T, NOON): row(1.0, 1)}, Runs([(0, 1, 2)])))
    stale = f"SELECT {T}, fromUnixTimestamp64Nano({NOON + HOUR}), 2.0, {old[T, NOON + HOUR].version}"
    found = []
    for settle in (bench.replay.settle, bench.replay.unsettled):
        bench.store.command(f"INSERT INTO latest (series_id, ts, value, version) {stale}")
        settle(JOB, ())
        found.append(latest(bench.store))

    assert found == [{T: (NOON, 1.0, "", 0, 0, row_version(1, 0, 1))}] * 2


def test_a_series_without_points_is_not_in_latest(bench: Replayed) -> None:
    put(bench.store, {(T, NOON): row(1.0, 1)})
    bench.store.command(
        "INSERT INTO latest (series_id, ts, value, version) SELECT series_id, ts, value, version FROM points"
    )
    applied(bench, staged({}, Runs([(0, 1, 1)])))
    bench.replay.settle(JOB, ())

    assert latest(bench.store) == {}


def test_dead_letters_of_staging_are_told_until_the_store_has_them(bench: Replayed) -> None:
    letters = [
        DeadLetter(stage="open", reason="r", detail=f"it's {i}", raw_partition=0, raw_offset=i, at=NOON) for i in (4, 5)
    ]
    bench.store.command(
        "INSERT INTO dead_letters (stage, reason, detail, raw_partition, raw_offset) VALUES ('open', 'r', 'it''s 4', 0, 4)"
    )
    bench.replay.open(JOB)
    for _ in range(2):
        bench.replay.stage(JOB, Staged(dead_letters=letters), {0: 9})

    assert bench.replay.dead_letters(JOB) == letters[1:]
    assert bench.replay.totals(JOB).dead_letters == 2
    assert list(bench.replay.dead_letter_lineages(Selection(stages=("open",), reasons=("r",)))) == [(0, 4, 4)]
    assert not bench.replay.dead_letter_lineages(Selection(stages=("codec",)))
    bench.store.command("TRUNCATE TABLE dead_letters")


def test_records_are_found_by_what_their_points_are_or_were(bench: Replayed) -> None:
    named(bench, T, "t", "C", 1)
    put(bench.store, {(T, NOON + i): row(1.0, i, uid=i // 3) for i in range(8)})
    put(bench.store, {(T, NOON): row(1.0, 9, generation=2), (H, NOON): row(1.0, 20)})
    find = bench.replay.lineages

    assert list(find(Selection(devices=(DEVICE,)))) == [(0, 0, 7), (0, 9, 9)]
    assert list(find(Selection(logical=(1, 2), time_until=NOON + 7))) == [(0, 3, 6)]
    assert list(find(Selection(devices=(DEVICE,), offsets={"0": (2, 4), "1": (0, 9)}))) == [(0, 2, 3)]
    assert not find(Selection(devices=("it's nobody",)))
    assert not find(Selection(codecs=("lpp",)))


def test_staging_counts_a_record_that_was_staged_twice_once(bench: Replayed) -> None:
    bench.replay.open(JOB)
    bench.replay.stage(JOB, Staged(selected=Runs([(0, 2, 5)]), records=4), {0: 10})
    bench.replay.stage(JOB, Staged(selected=Runs([(0, 4, 7)]), records=4), {0: 20})

    assert bench.replay.checkpoint(JOB) == {0: 20}
    assert bench.replay.totals(JOB).selected == 6


def test_reports_group_and_show_what_differs(bench: Replayed) -> None:
    named(bench, T, "t", "C", 1)
    put(bench.store, {(T, NOON): row(1.0, 1), (T, NOON + 1): row("on", 2, uid=4), (T, NOON + 2): row(1.0, 3)})
    again = staged(
        {(T, NOON): row(1.5, 1), (T, NOON + 1): row("off", 2), (H, NOON + 2): row(7.0, 3)}, Runs([(0, 1, 3)])
    )
    again.names = {H: SeriesName(DEVICE, "h", "%", "json", NOON, 0, 3)}
    assert list(bench.replay.groups(JOB, "device", 9)) == []
    applied(bench, again)

    whole = Counts(added=1, removed=1, changed=2)
    assert bench.replay.groups(JOB, "device", 9) == [
        Difference(group=DEVICE, counts=whole, mean_change=0.5, largest_change=0.5)
    ]
    assert [(g.group, g.counts) for g in bench.replay.groups(JOB, "day", 9)] == [("2026-11-02", whole)]
    assert [g.group for g in bench.replay.groups(JOB, "measurement", 9)] == ["t", "h"]
    assert [(g.group, g.counts.differing) for g in bench.replay.groups(JOB, "codec", 9)] == [("lpp@1", 3), ("", 1)]
    assert all(len(bench.replay.groups(JOB, by, 1)) == 1 for by in GROUPS)
    samples = bench.replay.samples(JOB, 9)
    texts = {(s.kind, s.name, s.time - NOON): (s.before, s.after, s.before_uid, s.offset) for s in samples}
    assert texts == {
        ("changed", "t", 0): ("1", "1.5", 0, 1),
        ("changed", "t", 1): ("on", "off", 4, 2),
        ("removed", "t", 2): ("1", "", 0, 3),
        ("added", "h", 2): ("", "7", 0, 3),
    }
    assert {s.kind for s in bench.replay.samples(JOB, 3)} == {"added", "changed", "removed"}


def test_rows_are_told_by_raw_record_and_again_for_the_undo(bench: Replayed) -> None:
    named(bench, T, "t", "C", 1)
    named(bench, H, "h", "%", 1)
    put(bench.store, {(T, NOON): row(1.0, 8), (T, NOON + 1): row(2.0, 3, uid=4)})
    applied(bench, staged({(T, NOON): row(1.5, 8, uid=5), (H, NOON): row(3.0, 8)}, Runs([(0, 0, 9)])))
    undone(bench)
    t, h = (T, DEVICE, "t", "C", "json"), (H, DEVICE, "h", "%", "json")

    assert [tuple(told) for told in bench.replay.delta_rows(JOB)] == [
        (*t, NOON + 1, 2.0, "", 0, 4, 0, 3, True, 4),
        (*h, NOON, 3.0, "", 0, 0, 0, 8, False, 0),
        (*t, NOON, 1.5, "", 0, 5, 0, 8, False, 0),
    ]
    assert [tuple(told) for told in bench.replay.delta_rows(JOB, undo=True)] == [
        (*t, NOON + 1, 2.0, "", 0, 4, 0, 3, False, 0),
        (*h, NOON, 3.0, "", 0, 0, 0, 8, True, 0),
        (*t, NOON, 1.0, "", 0, 0, 0, 8, False, 5),
    ]


def test_dropping_keeps_what_an_undo_needs_or_nothing(bench: Replayed) -> None:
    put(bench.store, {(T, NOON): row(1.0, 1)})
    applied(bench, staged({(T, NOON): row(2.0, 1)}, Runs([(0, 1, 1)])))
    bench.replay.optimise(JOB)
    bench.replay.drop(JOB, journal=False)
    undone(bench)
    bench.replay.settle(JOB, (60,), undo=True)

    assert [one.value for one in final(bench.store).values()] == [1.0]
    bench.replay.drop(JOB, journal=True)
    assert (
        bench.rows(f"SELECT name FROM system.tables WHERE database = currentDatabase() AND name LIKE 'replay_{JOB}_%'")
        == []
    )


def test_one_that_is_given_up_before_its_rows_are_visible_has_changed_no_name(
    bench: Replayed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store was gone right before the rows: the new unit stood beside the old values, and no undo gave the old one back."""
    named(bench, T, "t", "C", 256)
    put(bench.store, {(T, NOON): row(1.0, 1)})
    again = staged({(T, NOON): row(2.0, 1)}, Runs([(0, 1, 1)]))
    again.names = {T: SeriesName(DEVICE, "t", "K", "json", NOON, 0, 1)}
    monkeypatch.setattr(Store, "command", away_before("ALTER TABLE points"))

    with pytest.raises(Transient):
        applied(bench, again)
    given_up = units(bench)
    monkeypatch.undo()
    bench.replay.attach(JOB)

    assert (given_up, units(bench), final(bench.store)[T, NOON].value) == ({"t": "C"}, {"t": "K"}, 2.0)


def away_before(statement: str) -> Callable[[Store, str], None]:
    """A store that is killed before such a statement."""
    command = Store.command

    def killed(store: Store, asked: str) -> None:
        if asked.startswith(statement):
            raise Transient("away")
        command(store, asked)

    return killed
