"""Snapshots: a registry, its file, and a registry again."""

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import schemas
from streams import avro
from streams.core.records import DeviceMapping, Generation, LogicalDevice, PhysicalDevice, Rule
from streams.core.replay_record import Replay
from streams.core.user_record import User
from streams.registry import restore, snapshot, whole_records
from streams.registry.snapshot import Broken, Header, Snapshot, Tables
from streams.registry.state import (
    GENERATIONS,
    KINDS,
    LOGICAL,
    MAPPING,
    NUMBERED,
    PHYSICAL,
    REPLAYS,
    RULES,
    SOURCES,
    USERS,
    Author,
    Change,
    Refused,
    State,
)
from streams.registry.whole_records import Write
from streams.replay.job import Figures
from tests.streams.test_avro import builtins_of

HEADER = Header(taken_at="2026-11-01T08:00:00+00:00", cluster="here", log="raw-1", prefix="isthmus.")
ANN = Author("ann", 1_000, "restored")
UIDS = st.integers(1, 6)
OF_THE_LOG = {GENERATIONS, REPLAYS}


@st.composite
def tables(draw: st.DrawFn) -> Tables:
    """Any registry; few uids and names, so that two of them have much in common."""
    return {topic: draw(_records(topic)) for topic in snapshot.topics()}


@st.composite
def _records(draw: st.DrawFn, topic: str) -> dict[str, bytes]:
    kind, field = KINDS[topic], whole_records.KEYS[topic]
    schema = schemas.versions(avro.NAMES[kind])[-1]
    found: dict[str, bytes] = {}
    taken: set[str] = set()
    for _ in range(draw(st.integers(0, 3))):
        told = draw(builtins_of(schema))
        told[field] = draw(UIDS if topic in NUMBERED else st.sampled_from(["a", "b:c", "d"]))
        name = draw(st.sampled_from(["ann", "bob", "eve"]))
        told |= {"device": name} if topic == PHYSICAL else {"username": name} if topic == USERS else {}
        told |= {"deleted_at": draw(st.sampled_from([None, None, 5]))} if "deleted_at" in told else {}
        if told.get("deleted_at") is None and topic in {PHYSICAL, USERS}:
            if name in taken:
                continue
            taken.add(name)
        told |= {"figures": "{}"} if topic == REPLAYS else {}
        record = msgspec.convert(told, kind)
        key = whole_records.key_of(topic, record)
        found.setdefault(key, avro.encode(record))
    return found


def file_of(held: Tables) -> list[bytes]:
    return list(snapshot.lines(Snapshot(HEADER, held)))


def carried_out(plan: restore.Plan, held: Tables, at_once: int) -> tuple[Tables, State]:
    """What the API does with a plan."""
    state, result = State(), {topic: dict(records) for topic, records in held.items()}
    for topic, records in held.items():
        for key, value in records.items():
            state.apply(Change(topic, key, avro.decode(value, KINDS[topic])))
    writes = list(plan.writes)
    parts = [writes[at : at + at_once] for at in range(0, len(writes), at_once)]
    assert len(plan.writes) == len(writes)
    for part in [plan.together, *parts]:
        for change in whole_records.put(state, part, ANN):
            state.apply(change)
            if change.record is None:
                result.get(change.topic, {}).pop(change.key)
            else:
                result.setdefault(change.topic, {})[change.key] = avro.encode(change.record)
    return result, state


def visible(held: Tables, topic: str) -> dict[str, bytes]:
    return {
        key: value
        for key, value in held.get(topic, {}).items()
        if whole_records.identity(avro.decode(value, KINDS[topic])) is not None
    }


def placeless(topic: str, records: dict[str, bytes]) -> dict[str, bytes]:
    """Without where in the log devices spoke last: in another log that is another place."""
    if topic != PHYSICAL:
        return records
    decoded = {key: avro.decode(value, PhysicalDevice) for key, value in records.items()}
    return {key: avro.encode(msgspec.structs.replace(record, last_raw=None)) for key, record in decoded.items()}


@settings(max_examples=40, deadline=None)
@given(held=tables(), at_once=st.integers(1, 4))
def test_a_restored_snapshot_is_the_registry_it_was_taken_of(held: Tables, at_once: int) -> None:
    read = snapshot.read(file_of(held))
    plan = restore.plan(read, {}, "raw-1", ANN)

    assert read.tables == held
    assert plan.overwrites == 0
    assert carried_out(plan, {}, at_once)[0] == {topic: records for topic, records in held.items() if records}


@settings(max_examples=80, deadline=None)
@given(wanted=tables(), held=tables(), at_once=st.integers(1, 4), log=st.sampled_from(["raw-1", "raw-2"]))
def test_whatever_was_there_ends_as_the_snapshot_and_no_uid_is_given_again(
    wanted: Tables, held: Tables, at_once: int, log: str
) -> None:
    read = snapshot.read(file_of(wanted))
    after, state = carried_out(restore.plan(read, held, log, ANN), held, at_once)

    for topic in set(snapshot.topics()) - OF_THE_LOG - {SOURCES}:
        expected = visible(wanted, topic)
        assert visible(after, topic) == (expected if log == "raw-1" else placeless(topic, expected))
    assert restore.plan(read, after, log, ANN).size == 0
    for topic in (PHYSICAL, LOGICAL, USERS):
        given_out = [int(key) for key in (*wanted[topic], *held[topic])]
        assert state.next_uid(topic) > max(given_out, default=0)
    numbers = [int(key) for key in held[GENERATIONS]]
    assert set(held[GENERATIONS]) <= set(after[GENERATIONS])
    assert max(map(int, after[GENERATIONS]), default=0) >= max(numbers, default=0)


@settings(max_examples=30, deadline=None)
@given(held=tables(), data=st.data())
def test_a_file_that_is_cut_anywhere_or_has_another_byte_is_refused(held: Tables, data: st.DataObject) -> None:
    whole = b"".join(file_of(held))
    at = data.draw(st.integers(0, len(whole) - 2))
    other = bytes([data.draw(st.integers(0, 255).filter(lambda byte: byte != whole[at]))])

    for broken in (whole[:at], whole[:at] + other + whole[at + 1 :]):
        with pytest.raises(Broken):
            snapshot.read(broken.splitlines(keepends=True))


def test_the_file_is_lines_of_json_that_a_person_can_read() -> None:
    device = LogicalDevice(uid=3, name="north", changed_by="ann")

    header, record, end = map(json.loads, file_of({LOGICAL: {"3": avro.encode(device)}}))

    assert header == {
        "format": "isthmus registry snapshot",
        "version": 1,
        "taken_at": "2026-11-01T08:00:00+00:00",
        "cluster": "here",
        "log": "raw-1",
        "prefix": "isthmus.",
        "records": {LOGICAL: 1},
        "schemas": {LOGICAL: 1},
    }
    assert record == {
        "topic": LOGICAL,
        "key": "3",
        "record": {
            "uid": 3,
            "name": "north",
            "location": None,
            "last_seen": None,
            "properties": "{}",
            "created_at": 0,
            "deleted_at": None,
            "changed_at": 0,
            "changed_by": "ann",
            "why": "",
        },
    }
    assert end["records"] == 1


def test_what_json_cannot_hold_is_kept_in_avro() -> None:
    held: Tables = {RULES: {"r": avro.encode(Rule(id="r", measurement="m", scale=float("inf")))}}

    lines = file_of(held)

    assert set(json.loads(lines[1])) == {"topic", "key", "avro"}
    assert snapshot.read(lines).tables == held


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        ([], "This is no snapshot of a registry."),
        ([b"PGDMP\x01\n"], "This is no snapshot of a registry."),
        ([b'{"taken_at":"","cluster":"","log":"","prefix":"","format":"x"}\n'], "This is no snapshot of a registry."),
        (
            [b'{"taken_at":"","cluster":"","log":"","prefix":"","format":"isthmus registry snapshot","version":2}\n'],
            "The snapshot has format version 2; this Isthmus reads up to 1: update it.",
        ),
        (
            [b'{"taken_at":"","cluster":"","log":"","prefix":"","format":"isthmus registry snapshot","schemas":{"users":9}}\n'],
            "The snapshot's records of users are of a newer Isthmus: update this one.",
        ),
    ],
)  # fmt: skip
def test_other_files_are_refused_in_one_sentence(lines: list[bytes], fault: str) -> None:
    with pytest.raises(Broken) as refused:
        snapshot.read(lines)

    assert str(refused.value) == fault


def test_a_cut_file_says_so() -> None:
    lines = file_of({USERS: {"1": avro.encode(User(uid=1, username="ann", password="x", role="admin"))}})

    with pytest.raises(Broken, match=r"ends after 1 record\(s\), before its last line"):
        snapshot.read(lines[:-1])


def generations(*numbers: int) -> dict[str, bytes]:
    made = [
        Generation(number=n, fences={}, code=f"c{n}", codecs="", rules="", opened_at=0, opened_by="", why="")
        for n in numbers
    ]
    return {str(one.number): avro.encode(one) for one in made}  # fmt: skip


@pytest.mark.parametrize(
    ("log", "held", "expected"),
    [("raw-1", (), ["3", "2", "1"]), ("raw-1", (1,), ["3", "2"]), ("raw-1", (1, 2, 3, 4), []), ("raw-2", (), [])],
)
def test_generations_come_back_only_beside_their_log_and_never_go_back(
    log: str, held: tuple[int, ...], expected: list[str]
) -> None:
    taken = Snapshot(HEADER, {GENERATIONS: generations(1, 2, 3)})

    plan = restore.plan(taken, {GENERATIONS: generations(*held)}, log, ANN)

    assert [write.key for write in plan.together] == expected
    assert bool(plan.notes) == (not expected)


def test_replays_come_after_the_mappings_that_they_place_by_and_not_in_the_one_transaction() -> None:
    """There is one of each mapping change: after years they would be more than one request may hold."""
    mapping = DeviceMapping(device="ttn:a", physical_uid=1)
    replay = Replay(id=1, mode="place", state="applying", changed_at=0, changed_by="ann", why="")
    user = User(uid=1, username="ann", password="x", role="admin")
    told = {GENERATIONS: generations(1), REPLAYS: {"1": avro.encode(replay)}, USERS: {"1": avro.encode(user)}}

    plan = restore.plan(Snapshot(HEADER, told | {MAPPING: {"ttn:a": avro.encode(mapping)}}), {}, "raw-1", ANN)

    assert [write.topic for write in plan.together] == [GENERATIONS]
    assert [write.topic for write in plan.writes] == [MAPPING, REPLAYS, USERS]


@pytest.mark.parametrize(
    ("mode", "before", "after"),
    [("decode", (50, 40), (0, 0)), ("place", (50, 40), (50, 40)), ("decode", (-1, -1), (-1, -1))],
)
def test_a_replay_that_comes_back_knows_of_no_mapping_change_and_a_placement_of_as_many_as_before(
    mode: str, before: tuple[int, int], after: tuple[int, int]
) -> None:
    """Topic device-mapping was lost with it, and its offsets begin anew: what came since seemed to have been staged."""
    figures = Figures(points=3, mapping_position=before[0], placed_position=before[1])
    replay = Replay(id=1, mode=mode, state="ready", figures=msgspec.json.encode(figures).decode())

    plan = restore.plan(Snapshot(HEADER, {REPLAYS: {"1": avro.encode(replay)}}), {}, "raw-1", ANN)

    (write,) = plan.writes
    assert isinstance(write.record, Replay)
    found = msgspec.json.decode(write.record.figures, type=Figures)
    assert (found.points, found.mapping_position, found.placed_position) == (3, *after)


def test_force_is_needed_only_for_what_a_person_would_miss() -> None:
    ann, admin = (User(uid=1, username=name, password="x", role="admin") for name in ("ann", "admin"))
    north, south = (LogicalDevice(uid=1, name=name) for name in ("north", "south"))
    taken = Snapshot(HEADER, {USERS: {"1": avro.encode(ann)}, LOGICAL: {"1": avro.encode(north)}})

    def overwrites(held: Tables) -> int:
        return restore.plan(taken, held, "raw-1", ANN).overwrites

    assert overwrites({USERS: {"1": avro.encode(admin)}, GENERATIONS: generations(1)}) == 0
    assert overwrites({LOGICAL: {"1": avro.encode(north)}}) == 0
    assert overwrites({LOGICAL: {"1": avro.encode(south)}}) == 1
    assert overwrites({LOGICAL: {"2": avro.encode(LogicalDevice(uid=2, name="south"))}}) == 1


def test_another_registry_than_the_one_that_was_read_is_left_alone() -> None:
    state = State()
    device = PhysicalDevice(uid=1, device="ttn:a", source="ttn", name="a")
    state.apply(Change(PHYSICAL, "1", device))
    other = msgspec.structs.replace(device, device="ttn:b")
    twin = msgspec.structs.replace(device, uid=2)

    for write in (Write(PHYSICAL, "1", other), Write(PHYSICAL, "1", other, "ttn:c"), Write(PHYSICAL, "2", twin)):
        with pytest.raises(Refused) as refused:
            whole_records.put(state, [write], ANN)
        assert refused.value.status == 409

    assert whole_records.put(state, [Write(PHYSICAL, "1", other, "ttn:a")], ANN) == [Change(PHYSICAL, "1", other, ANN)]
