"""IoTa's tables become registry records: uids stay, identities are those of later messages, nothing is lost in silence."""

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from connectors.migration import iota_dump, iota_registry
from connectors.migration.iota_registry import Import
from connectors.migration.iota_values import Unfit, location
from streams import avro
from streams.core.records import DeviceMapping, Interval, Location, LogicalDevice, Pause, PhysicalDevice
from streams.core.times import DAY
from streams.registry import whole_records
from streams.registry.snapshot import Tables as Held
from streams.registry.state import LOGICAL, MAPPING, NOTES, PHYSICAL, SOURCES, USERS, Author, State
from tests.connectors.migration import iota

AUTHOR = Author("isthmus", 1_700_000_000_000_000_000, "imported from IoTa")
FEBRUARY = 1_706_745_600_000_000_000
"""2024-02-01T00:00:00Z"""


def planned(folder: Path, held: Held | None = None, tables: Any = None) -> Import:
    path = folder / "iota.sql"
    path.write_bytes(iota.dump(tables))
    return iota_registry.plan(iota_dump.opened(path), held or {}, "a dump", AUTHOR)


def records(found: Import, topic: str) -> dict[str, Any]:
    return {write.key: write.record for write in [*found.together, *found.writes] if write.topic == topic}


def after(found: Import) -> Held:
    held: Held = {}
    for write in [*found.together, *found.writes]:
        assert write.record is not None
        held.setdefault(write.topic, {})[write.key] = avro.encode(write.record)
    return held


def test_devices_keep_their_numbers_and_have_the_keys_of_their_messages(tmp_path: Path) -> None:
    found = planned(tmp_path)

    devices = records(found, PHYSICAL)
    assert {uid: device.device for uid, device in devices.items()} == {
        "301": "ttn:70b3d57ed0051a2b",
        "302": "ttn:uid-302",
        "303": "wombat:B8D61A0100AA",
        "304": "ydoc:uid-304",
        "305": "ict_mqtt:mncm2l301",
    }
    assert devices["301"] == PhysicalDevice(
        uid=301,
        device="ttn:70b3d57ed0051a2b",
        source="ttn",
        name="probe 7\tnorth",
        location=Location(-31.9, 148.6),
        last_seen=1_715_382_000_892_395_000,
        source_ids={"app_id": "soil", "dev_id": "probe-7", "dev_eui": "70b3d57ed0051a2b"},
        properties='{"creation_correlation_id":"c"}',
        edited=["name", "location"],
        **AUTHOR.stamp(),
    )
    assert records(found, LOGICAL)["12"].properties == '{"ubidots":{"label":"abc"}}'
    assert [note.split(":")[0] for note in found.report.noted] == [
        "physical device 302 (twin) has the identity of 301 (ttn",
        "physical device 304 (nobody knows)",
    ]
    assert set(records(found, SOURCES)) == {"ttn", "wombat", "ydoc", "ict_mqtt"}


def test_mappings_come_with_their_history_and_repairs_are_told(tmp_path: Path) -> None:
    found = planned(tmp_path)

    mappings: dict[str, DeviceMapping] = records(found, MAPPING)
    assert mappings["ttn:70b3d57ed0051a2b"].intervals == [Interval(12, FEBRUARY)]
    dam_seen = 1_709_251_200_000_000_000
    assert mappings["wombat:B8D61A0100AA"].intervals == [
        Interval(12, FEBRUARY - 31 * DAY, FEBRUARY),
        Interval(14, FEBRUARY + DAY, None, [Pause(dam_seen + 1)]),
    ]
    assert [repair.split(",")[0] for repair in found.report.repairs] == ["physical 303 to logical 12"]
    assert mappings["ydoc:uid-304"].intervals == []


def test_users_come_disabled_and_without_password(tmp_path: Path) -> None:
    users = records(planned(tmp_path), USERS).values()

    assert [(user.username, user.role, user.valid, user.password) for user in users] == [
        ("bob", "read-only", False, ""),
        ("ann", "admin", False, ""),
    ]


def test_notes_come_too(tmp_path: Path) -> None:
    found = planned(tmp_path)

    (note,) = records(found, NOTES).values()
    assert (note.uid, note.physical_uid, note.note) == (4, 301, "new battery\nand a \\ backslash")
    assert note.at == 1_709_287_200_000_000_000
    assert found.report.skipped == ["device_notes 5: physical device 999 is missing"]


def test_what_is_planned_is_accepted_by_an_empty_registry(tmp_path: Path) -> None:
    found, state = planned(tmp_path), State()

    for change in whole_records.put(state, [*found.together, *found.writes], AUTHOR):
        state.apply(change)

    assert state.next_uid(PHYSICAL) == 306
    assert found.report.left == {"physical_timeseries": 1}
    assert found.report.rows["raw_messages"] == 6


def test_a_second_run_writes_nothing_and_leaves_what_people_changed(tmp_path: Path) -> None:
    held = after(planned(tmp_path))
    renamed = replace(avro.decode(held[LOGICAL]["12"], LogicalDevice), name="Far north")
    held[LOGICAL]["12"] = avro.encode(renamed)

    again = planned(tmp_path, held)

    assert (again.together, again.writes) == ([], [])
    assert again.report.refused == []
    assert again.report.already[PHYSICAL] == 5
    assert "logical-devices 12 is called Far north here, North paddock in IoTa" in again.report.noted


def test_numbers_and_identities_that_are_taken_refuse_the_import(tmp_path: Path) -> None:
    def box(uid: int, device: str, deleted_at: int | None = None) -> bytes:
        return avro.encode(
            PhysicalDevice(uid=uid, device=device, source="ttn", name="mine", created_at=5, deleted_at=deleted_at)
        )

    held: Held = {
        PHYSICAL: {
            "1": box(1, "ttn:70b3d57ed0051a2b"),
            "303": box(303, "ttn:x"),
            "305": box(305, "ict_mqtt:mncm2l301", 9),
        },
        LOGICAL: {"12": avro.encode(LogicalDevice(uid=12, name="theirs", created_at=5))},
    }

    assert planned(tmp_path, held).report.refused == [
        "physical-devices 301 (probe 7\tnorth): ttn:70b3d57ed0051a2b is physical device 1 here already",
        "physical-devices 302 (twin): ttn:70b3d57ed0051a2b is physical device 1 here already",
        "physical-devices 303 (Wombat-B8): the number 303 belongs to mine here",
        "physical-devices 305 (mncm2l301): the number 305 was removed here",
        "logical-devices 12 (North paddock): the number 12 belongs to theirs here",
    ]


def test_what_came_since_is_not_mapped_to_what_another_device_feeds_here(tmp_path: Path) -> None:
    first = {
        **iota.TABLES,
        "physical_devices": (iota.TABLES["physical_devices"][0], iota.TABLES["physical_devices"][1][:1]),
    }
    first["physical_logical_map"] = (
        iota.TABLES["physical_logical_map"][0],
        iota.TABLES["physical_logical_map"][1][1:2],
    )
    held = after(planned(tmp_path, tables=first))
    columns, rows = iota.TABLES["physical_logical_map"]
    since = {
        **iota.TABLES,
        "physical_logical_map": (columns, [*rows[1:2], (303, 12, "2024-03-01 00:00:00+00", None, True)]),
    }

    found = planned(tmp_path, held, since)

    assert records(found, MAPPING)["wombat:B8D61A0100AA"].intervals == []
    assert (
        "physical 303 to logical 12 from 2024-03-01T00:00:00+00:00: another device feeds it here then"
        in found.report.skipped
    )


def test_older_schemas_have_no_pauses_and_locations_in_json(tmp_path: Path) -> None:
    old = {
        "physical_devices": (
            ("uid", "source_name", "name", "location", "last_seen", "source_ids", "properties"),
            [(1, "ttn", "a", {"lat": -31.5, "long": 148.0}, None, {"dev_eui": "AA"}, {})],
        ),
        "logical_devices": (
            ("uid", "name", "location", "last_seen", "properties"),
            [(2, "b", "nonsense", "0044-03-15 00:00:00+00 BC", {})],
        ),
        "physical_logical_map": (
            ("physical_uid", "logical_uid", "start_time", "end_time"),
            [(1, 2, "2024-02-01 00:00:00+00", None), (1, 9, "2024-01-01 00:00:00+00", "2024-01-02 00:00:00+00")],
        ),
    }

    found = planned(tmp_path, tables=old)

    assert records(found, PHYSICAL)["1"].location == Location(-31.5, 148.0)
    assert records(found, MAPPING)["ttn:aa"].intervals == [Interval(2, FEBRUARY)]
    assert found.report.noted == [
        "logical device 2: its location is left out: no point",
        "logical device 2: when it was last seen is left out: '0044-03-15 00:00:00+00 BC' is no time",
    ]
    assert found.report.skipped == ["physical_logical_map: physical 1 or logical 9 is missing"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, None),
        (iota.wkb(-31.9, 148.6), Location(-31.9, 148.6)),
        ("0101000000" + iota.wkb(-31.9, 148.6)[18:], Location(-31.9, 148.6)),
        (iota.wkb(float("nan"), float("nan")), None),
        ('{"lat": null, "long": null}', None),
        (json.dumps({"lat": 1, "long": 2}), Location(1.0, 2.0)),
    ],
)
def test_locations(text: str | None, expected: Location | None) -> None:
    assert location(text) == expected


@pytest.mark.parametrize("text", ["zz", "01", "0102000020B7100000", iota.wkb(100.0, 10.0), '{"lat": "x", "long": 1}'])
def test_no_locations(text: str) -> None:
    with pytest.raises(Unfit):
        location(text)
