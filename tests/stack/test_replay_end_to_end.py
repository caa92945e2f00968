"""Replays on a running installation, against the oracle: what a dry run says, what applying does, what undoing leaves.

The tests share one installation and go on from one another: each begins with the store as the model has it, and ends so.
"""

import json
import os
from collections.abc import Callable, Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

from streams.core.message import Decoder
from streams.core.records import DeviceMapping, Interval
from streams.core.times import DAY
from tests.stack import raw_log, replay_candidate
from tests.stack.conftest import installed
from tests.stack.harness import Stack
from tests.stack.replay_oracle import Difference, Place, Row, differences, found
from tests.stack.replay_run import Running
from tests.stack.replay_world import START, Standing, World, iso, mappings, remapped, rules

SCHEDULES = int(os.environ.get("ISTHMUS_TEST_SCHEDULES", "1"))
"""more of them try more candidates, on more records"""
SEED = int(os.environ.get("ISTHMUS_TEST_SEED", "1"))
RECORDS = 300
CANDIDATES = [replay_candidate.EVERY, *((switch,) for switch in replay_candidate.EVERY)]
BETTER: dict[str, Any] = {
    "json_source": {"values": "better"},
    "ydoc_utc_offset_minutes": 0,
    "lpp_applications": ["*-lpp", "orchard"],
}


@pytest.fixture(scope="module")
def run(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    directory = tmp_path_factory.mktemp("replay")
    with installed(stack, directory) as installation:
        made = Running(installation, directory, World(SEED))
        made.map(mappings())
        made.start("decode", "window", "clickhouse", "clickhouse-log", "replay")
        made.live(RECORDS * min(SCHEDULES, 20))
        made.check()
        yield made
        made.close()


@pytest.mark.parametrize("switches", CANDIDATES[:SCHEDULES])
def test_a_candidate_s_dry_run_says_exactly_what_would_change(
    run: Running, tmp_path: Path, switches: tuple[str, ...]
) -> None:
    file = tmp_path / "candidate.py"
    source = Path(replay_candidate.__file__).read_text()
    file.write_text(source.replace("= frozenset()", f"= frozenset({switches!r})"))
    answer = run.api.command("replay", "run", "--decoder", f"json={file}", "--json")
    assert answer.returncode == 0, answer.stderr
    wanted = run.model.difference(run.decoded(json=loaded(file)), everything(run))

    assert wanted.counts["same"] > 100
    run.agrees(run.ask("GET", f"/replays/{json.loads(answer.stdout)['replay']['id']}"), wanted)
    run.check_and_verify()


def test_rows_that_the_store_lost_come_back_as_they_were(run: Running) -> None:
    for table in ("points", "aggregates"):
        run.store.command(f"ALTER TABLE {table} DROP PARTITION 202403")
    run.store.command("TRUNCATE TABLE latest")
    lost = {key: row for key, row in run.model.visible.items() if iso(key[1]).startswith("2024-03")}
    restored = run.replay("restore", apply=True)

    assert restored["state"] == "applied", restored["error"]
    assert run.told(restored["id"]) == Difference(added=lost)
    run.check_and_verify()


def test_what_is_applied_is_what_new_code_says_and_undoing_takes_all_of_it_back(run: Running) -> None:
    run.deploy(rules(), **BETTER)
    run.live(60)
    before, wanted = found(run.store), run.model.difference(run.decoded(), everything(run))
    dry = run.replay()
    assert dry["state"] == "ready", dry["error"]
    run.agrees(dry, wanted)
    run.check_and_verify()

    applied = run.wish(dry["id"], "apply")
    assert applied["state"] == "applied", applied["error"]
    written = run.model.apply(wanted, applied["generation"])
    run.check_and_verify()

    undone = run.wish(dry["id"], "undo")
    run.model.undo(wanted, written, undone["undo_generation"])
    run.check_and_verify()
    assert not differences(before, found(run.store), but="generations")


def test_a_selection_takes_whole_records_by_what_they_say_and_by_what_they_said(run: Running) -> None:
    week = START + 10 * DAY, START + 17 * DAY
    asked: list[tuple[dict[str, Any], Callable[[Standing], bool], Callable[[str, int, Row], bool]]] = [
        ({"devices": ["json:d1", "ydoc:900-s1"]}, always, lambda device, _, __: device in ("json:d1", "ydoc:900-s1")),
        ({"offsets": {"0": [10, 60], "3": [0, 40]}}, lambda s: s.offset in {0: range(10, 60), 3: range(40)}.get(s.partition, ()), always),
        ({"time_from": iso(week[0]), "time_until": iso(week[1])}, always, lambda _, time, __: time in range(*week)),
        ({"sources": ["ttn", "json"]}, lambda s: source(s) in ("ttn", "json"), always),
        ({"received_from": iso(week[0]), "received_until": iso(week[1])}, lambda s: received(s) in range(*week), always),
        ({"logical": [101, 103]}, always, lambda _, __, row: row.uid in (101, 103)),
    ]  # fmt: skip
    asked = asked[: 3 if SCHEDULES == 1 else None]
    made = [run.replay(selection=selection, rests=False) for selection, *_ in asked]
    for record, (_, by_record, by_point) in zip(made, asked, strict=True):
        covered = selected(run, by_record, by_point)
        chosen = [standing for standing in run.world.records if (standing.partition, standing.offset) in covered]
        run.agrees(run.rested(record["id"]), run.model.difference(run.decoded(chosen), covered))


def test_dead_letters_are_decoded_once_the_fix_is_there(run: Running) -> None:
    covered = {place for place, stage, reason in run.letters if (stage, reason) == ("codec", "no-codec")}
    chosen = [standing for standing in run.world.records if (standing.partition, standing.offset) in covered]
    wanted = run.model.difference(run.decoded(chosen), covered)
    applied = run.replay("dead-letters", selection={"stages": ["codec"], "reasons": ["no-codec"]}, apply=True)

    assert applied["state"] == "applied", applied["error"]
    assert wanted.added
    run.agrees(applied, wanted)
    run.model.apply(wanted, applied["generation"])
    run.check_and_verify()


def test_a_mapping_of_the_past_places_points_anew_and_nothing_else(run: Running) -> None:
    run.map(remapped())
    wanted = Difference(changed=run.model.misplaced(run.mapping))
    applied = run.replay("place", apply=True)

    assert applied["state"] == "applied", applied["error"]
    run.agrees(applied, wanted)
    run.model.apply(wanted, applied["generation"])
    run.check_and_verify()


def test_the_mapping_of_now_is_taken_for_all_times_when_that_is_wanted(run: Running) -> None:
    record = run.replay(mapping_as_of="now")
    now = {device: lasting(mapping) for device, mapping in run.mapping.items()}

    run.agrees(record, run.model.difference(run.decoded(mapping=now), everything(run)))


def test_holes_are_named_and_stop_a_replay_and_the_archive_fills_them(run: Running) -> None:
    settings = run.installation.settings.kafka
    raw_log.delete_before(settings, {0: 5})
    run.start("archive")
    run.quiet()
    raw_log.delete_before(settings, {0: 20, 1: 10})
    stopped = run.replay()
    assert stopped["state"] == "failed"
    assert stopped["error"].startswith("raw partition 0, offsets 0 to 4: ")
    allowed = run.replay(allow_holes=True)
    there = [standing for standing in run.world.records if standing.partition or standing.offset > 4]
    covered = {(standing.partition, standing.offset) for standing in there}
    run.agrees(allowed, run.model.difference(run.decoded(there), covered))


def everything(run: Running) -> set[Place]:
    return {(standing.partition, standing.offset) for standing in run.world.records}


def selected(
    run: Running, by_record: Callable[[Standing], bool], by_point: Callable[[str, int, Row], bool]
) -> set[Place]:
    """Records that fit, of which a point fits that the store has or that decoding gives now."""
    fitting = {(s.partition, s.offset) for s in run.world.records if s.raw is not None and by_record(s)}
    rows = [*run.model.visible.items(), *run.decoded()]
    if by_point is always:
        return fitting
    return fitting & {row.place for (series, time), row in rows if by_point(run.model.names[series][0], time, row)}


def always(*_: Any) -> bool:
    return True


def source(standing: Standing) -> str:
    return standing.raw.source if standing.raw else ""


def received(standing: Standing) -> int:
    return standing.raw.received_at if standing.raw else 0


def lasting(mapping: DeviceMapping) -> DeviceMapping:
    """What holds now, for ever."""
    holding = [interval for interval in mapping.intervals if interval.end is None and interval.start < START + 50 * DAY]
    lasts = holding and not any(pause.end is None for pause in holding[0].pauses)
    intervals = [Interval(holding[0].logical_uid, 0)] if lasts else []
    return DeviceMapping(device=mapping.device, physical_uid=mapping.physical_uid, intervals=intervals)


def loaded(file: Path) -> Decoder:
    spec = spec_from_file_location("candidate", file)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    decoder: Decoder = module.DECODER
    return decoder
