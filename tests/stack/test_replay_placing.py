"""Mapping changes wait for what a decode worker may hold, and are looked at again when an undo asks for it."""

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
from confluent_kafka import KafkaException
from msgspec.structs import replace

from connectors.replays import placements, placing
from connectors.replays.placing import MappingChanges
from streams import avro, kafka
from streams.core.records import DeviceMapping, Interval
from streams.core.replay_record import Replay
from streams.replay.barrier import Barrier
from streams.replay.basis import basis, outdated
from streams.replay.job import Figures
from streams.replay.runner import Runner
from streams.replay.selection import Selection
from streams.settings import KafkaSettings
from tests.stack import raw_log
from tests.stack.harness import Installation, eventually

DEVICE = "json:probe"


def map_device(installation: Installation, device: str = DEVICE) -> None:
    tell(installation, device, DeviceMapping(device=device, physical_uid=1, intervals=[Interval(7, 0)]))


def tell(installation: Installation, device: str, mapping: DeviceMapping | None) -> None:
    """``None``: the registry was restored to before the device registered itself."""
    producer = kafka.BatchProducer(installation.settings.kafka)
    producer.send("device-mapping", device, None if mapping is None else avro.encode(mapping))
    producer.flush()


def registered(device: str, at: int = 0) -> DeviceMapping:
    return DeviceMapping(device=device, physical_uid=2, changed_at=at)


def begun(installation: Installation) -> MappingChanges:
    """As the worker does, who tries again while a new broker has no coordinator yet."""

    def tried() -> MappingChanges | None:
        try:
            return MappingChanges(installation.settings)
        except KafkaException:
            return None

    made = eventually(tried)
    assert made is not None
    return made


def read(changes: MappingChanges) -> MappingChanges:
    changes.read()
    return changes


def due(changes: MappingChanges) -> list[str]:
    return list(read(changes).due())


def test_a_change_waits_for_decode_and_is_looked_at_again_when_asked(installation: Installation) -> None:
    made = installation.with_settings(replay={"place_after_s": 0.0})
    log = made.settings.kafka
    producer = kafka.BatchProducer(log)
    producer.send("raw", "a", b"not decoded yet")
    producer.flush()
    map_device(made)
    changes = begun(made)
    try:
        for _ in range(10):
            assert not due(changes)
        raw_log.commit(log, raw_log.ends(log))
        assert eventually(lambda: due(changes)) == [DEVICE]
        changes.done(changes.due())
        for _ in range(10):
            assert not due(changes)
        changes.again(0)
        assert eventually(lambda: due(changes)) == [DEVICE]
        changes.done(changes.due())
        changes.again(-1)  # of a replay that was staged before positions were noted
        assert eventually(lambda: due(changes)) == [DEVICE]
        assert changes._noted() == 0
    finally:
        changes.close()


def applied(settings: KafkaSettings, mode: str) -> Replay:
    """One that is staged now, as far as places go."""
    barrier = Barrier(settings)
    figures = Figures(**basis(settings, barrier))  # type: ignore[arg-type]  # positions
    barrier.close()
    return Replay(id=1, mode=mode, state="applied", selection="{}", figures=msgspec.json.encode(figures).decode())


@pytest.mark.parametrize(("mode", "again"), [("decode", [DEVICE]), ("place", [])])
def test_a_change_that_a_correction_placed_along_is_looked_at_again_after_its_undo(
    installation: Installation, mode: str, again: list[str]
) -> None:
    """It came right before: when placing looked nothing was misplaced, and the undo put the points back to where they had been."""
    made = installation.with_settings(replay={"place_after_s": 0.0})
    map_device(made)
    correction = applied(made.settings.kafka, mode)
    changes = begun(made)
    try:
        assert eventually(lambda: due(changes)) == [DEVICE]
        changes.done(changes.due())
        changes.again(placements.undone_from(correction))
        eventually(lambda: not again or read(changes)._changed)
        assert eventually(lambda: due(changes) == again)
    finally:
        changes.close()


def test_what_could_not_be_placed_rests_in_nobody_s_way_and_is_not_done(installation: Installation) -> None:
    made = installation.with_settings(replay={"place_after_s": 0.0})
    map_device(made, "json:bad")
    changes, tried, right = begun(made), list[str](), set[str]()

    def correct(devices: list[str], _: str) -> bool:
        tried.extend(devices)
        return right.issuperset(devices)

    def turn() -> bool:
        return placing.place(read(changes), len, correct)

    try:
        assert eventually(turn)
        assert not turn()
        changes._put_off.wake("json:bad")
        assert turn()
        right.add("json:good")
        map_device(made, "json:good")
        assert eventually(turn)
        assert (tried, changes._committed) == (["json:bad", "json:bad", "json:good"], 0)
        right.add("json:bad")
        map_device(made, "json:bad")
        assert eventually(turn)
        assert (tried[3:], changes._committed) == (["json:bad"], 3)
    finally:
        changes.close()


def test_what_was_looked_at_and_not_committed_is_looked_at_again_when_asked(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placing, "AT_ONCE", 1)
    made = installation.with_settings(replay={"place_after_s": 0.0})
    map_device(made, "json:first")
    map_device(made, "json:second")
    changes = begun(made)
    try:
        eventually(lambda: read(changes)._read == 2)
        assert eventually(lambda: due(changes)) == ["json:first"]
        changes.done(changes.due())
        changes.again(0)
        assert eventually(lambda: sorted(read(changes)._changed) == ["json:first", "json:second"])
    finally:
        changes.close()


def test_what_another_worker_noted_before_it_died_is_not_passed_over(installation: Installation) -> None:
    made = installation.with_settings(replay={"place_after_s": 0.0})
    map_device(made, "json:first")
    one, other = begun(made), begun(made)
    try:
        for changes in (one, other):
            placed(changes, ["json:first"])
        map_device(made, "json:second")
        assert eventually(lambda: due(other)) == ["json:second"]
        one.again(0)
        one.close()

        other.done(other.due())

        assert eventually(lambda: sorted(read(other)._changed) == ["json:first", "json:second"])
        eventually(lambda: due(other))
        other.done(other.due())
        assert other._noted() == 2
    finally:
        other.close()


def test_what_another_worker_noted_before_it_died_is_seen_while_there_is_nothing_to_read(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placing, "HEED_S", 0.0)
    made = installation.with_settings(replay={"place_after_s": 0.0})
    map_device(made)
    one, other = begun(made), begun(made)
    try:
        for changes in (one, other):
            placed(changes, [DEVICE])
        one.again(0)
        one.close()

        assert eventually(lambda: due(other)) == [DEVICE]
    finally:
        other.close()


def placed(changes: MappingChanges, devices: list[str]) -> None:
    eventually(lambda: read(changes)._read == len(devices))
    assert sorted(eventually(lambda: due(changes))) == devices
    changes.done(changes.due())


def test_what_the_first_of_two_undos_asks_for_is_looked_at_as_well(installation: Installation) -> None:
    made = installation.with_settings(replay={"place_after_s": 0.0})
    devices = ["json:first", "json:second"]
    for device in devices:
        map_device(made, device)
    changes = begun(made)
    try:
        placed(changes, devices)

        changes.again(0)
        changes.again(1)

        assert changes._noted() == 0
        assert eventually(lambda: sorted(read(changes)._changed) == devices)
    finally:
        changes.close()


def test_a_worker_that_stood_still_notes_what_another_has_placed_meanwhile(installation: Installation) -> None:
    made = installation.with_settings(replay={"place_after_s": 0.0})
    still, other = begun(made), begun(made)
    try:
        map_device(made)
        placed(other, [DEVICE])
        assert other._noted() == 1

        still.again(0)

        assert other._noted() == 0
    finally:
        still.close()
        other.close()


def test_devices_that_only_register_themselves_keep_nobody_waiting(installation: Installation) -> None:
    """One every few seconds, and nothing was placed for hours: each began the wait anew."""
    made = installation.with_settings(replay={"place_after_s": 3600.0})
    map_device(made)
    changes = begun(made)
    try:
        eventually(lambda: read(changes)._changed)
        until = changes._quiet_from
        tell(made, "json:new", registered("json:new"))
        eventually(lambda: read(changes)._read == 2)
        assert (dict(changes.due()), changes._quiet_from) == ({}, until)
    finally:
        changes.close()


@pytest.mark.parametrize("restored", [registered(DEVICE), None])
def test_a_device_of_which_nothing_is_mapped_any_more_is_looked_at_after_those_before_it(
    installation: Installation, restored: DeviceMapping | None
) -> None:
    """By a barrier of its own: a decode worker may have placed points by the old mapping until it read this."""
    made = installation.with_settings(replay={"place_after_s": 0.0})
    log = made.settings.kafka
    map_device(made)
    map_device(made, "json:other")
    changes = begun(made)
    try:
        placed(changes, ["json:other", DEVICE])
        map_device(made, "json:other")
        assert eventually(lambda: due(changes)) == ["json:other"]
        tell(made, DEVICE, restored)
        raw_log.write_raw(log, [b"not decoded yet"])
        eventually(lambda: read(changes)._read == 4)
        assert due(changes) == ["json:other"]
        changes.done(changes.due())
        for _ in range(10):
            assert not due(changes)
        raw_log.commit(log, raw_log.ends(log))
        eventually(lambda: due(changes))
        assert [(m.device, m.intervals) for m in changes.due().values()] == [(DEVICE, [])]
        changes.done(changes.due())
        assert changes._committed == 4
    finally:
        changes.close()


@pytest.mark.parametrize(
    ("since", "again"),
    [
        (registered(DEVICE, at=99), True),
        (None, True),
        (registered("json:new", at=100), False),
        (DeviceMapping(device="json:new", physical_uid=2, intervals=[Interval(7, 0)], changed_at=100), True),
    ],
)
def test_what_is_staged_is_staged_anew_when_a_mapping_is_another_since_or_none(
    installation: Installation, since: DeviceMapping | None, again: bool
) -> None:
    """A device that has registered itself since is no reason: there is one every few seconds."""
    settings = installation.settings.kafka
    map_device(installation)
    replay = replace(applied(settings, "decode"), created_at=100)
    figures = msgspec.json.decode(replay.figures, type=Figures)
    assert not outdated(settings, replay, figures, Selection(), newest=0)

    tell(installation, DEVICE if since is None else since.device, since)

    assert outdated(settings, replay, figures, Selection(), newest=0) == again


class Staging:
    """Store and course of a placement."""

    def __init__(self) -> None:
        self.mappings: list[DeviceMapping] = []

    id = 1

    def begin(self, _: str) -> None:
        pass

    def count(self, points: int) -> None:
        assert points == 5

    def stage_places(self, _job: int, mappings: Iterable[DeviceMapping], _selection: Selection) -> int:
        self.mappings += mappings
        return 5


@pytest.mark.parametrize(
    ("devices", "staged"), [((), {"json:other": [7]}), ((DEVICE, "json:other"), {DEVICE: [], "json:other": [7]})]
)
def test_a_placement_of_a_device_that_has_no_mapping_any_more_takes_its_points_to_none(
    installation: Installation, devices: tuple[str, ...], staged: dict[str, list[int]]
) -> None:
    for device in (DEVICE, "json:other"):
        map_device(installation, device)
    tell(installation, DEVICE, None)
    made: Any = Staging()

    Runner(installation.settings, made, made, correct=lambda *_: None)._stage_places(made, Selection(devices=devices))

    assert {m.device: [interval.logical_uid for interval in m.intervals] for m in made.mappings} == staged
