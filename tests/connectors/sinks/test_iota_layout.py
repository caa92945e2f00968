import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.file_names import safe
from connectors.sinks.files.iota import IotaLayout
from connectors.sinks.files.message import body, iso
from connectors.sinks.outgoing import messages
from streams.core.records import DeviceMapping, Interval, Pause, Variable
from streams.core.times import SECOND
from tests.connectors.sinks.making import DEVICE, NOON, measured, message, reading


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_writes_one_file_per_message_with_permissive_modes(tmp_path: Path) -> None:
    layout = IotaLayout(tmp_path, permissive=True)
    assert layout.write([[message(cid="83d04e6f")], []]) == 1
    layout.close()
    file = tmp_path / "raw_data" / "83d04e6f" / "83d04e6f.json"
    assert json.loads(file.read_text()) == {
        "broker_correlation_id": "83d04e6f",
        "p_uid": 3,
        "l_uid": 7,
        "timestamp": "2026-11-02T12:00:00Z",
        "timeseries": [{"name": "t", "value": 21.5}],
        "source_ids": {"id": "probe"},
    }
    assert file.stat().st_mode & 0o777 == 0o666
    assert file.parent.stat().st_mode & 0o777 == 0o777


def test_gives_readings_of_one_raw_record_names_of_their_own(tmp_path: Path) -> None:
    layout = IotaLayout(tmp_path, permissive=False)
    remapped = DeviceMapping(device=DEVICE, physical_uid=3, intervals=[Interval(7, 0, NOON), Interval(8, NOON)])
    split = messages(reading(measured(1.0, time=NOON - SECOND), measured(2.0), cid="c"), remapped)
    layout.write([split, [message(cid="c", index=1)]])
    layout.write([split, [message(cid="c", index=1)]])
    layout.close()
    assert files(tmp_path / "raw_data") == ["c/c-0-8.json", "c/c-1.json", "c/c.json"]


def test_a_batch_may_hold_a_message_many_times(tmp_path: Path) -> None:
    layout = IotaLayout(tmp_path, permissive=False)
    assert layout.write([[message(cid="c")]] * 100) == 1
    layout.close()
    assert files(tmp_path / "raw_data") == ["c/c.json"]


def test_writes_a_time_of_its_own_only_where_it_differs_and_texts_as_texts() -> None:
    found = body(message(measured("on", "state"), measured(1.5, "t", NOON + SECOND // 4)))
    assert found["timeseries"] == [
        {"name": "state", "value": "on"},
        {"name": "t", "value": 1.5, "timestamp": "2026-11-02T12:00:00.25Z"},
    ]


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (-1, "1969-12-31T23:59:59.999999999Z"),
        (NOON + 120_000, "2026-11-02T12:00:00.00012Z"),
    ],
)
def test_writes_times_exactly(time: int, text: str) -> None:
    assert iso(time) == text


def test_sends_only_what_is_mapped_and_unpaused_under_the_names_of_the_mapping() -> None:
    pause = Pause(NOON - 9 * SECOND, NOON - 5 * SECOND)
    variables = [Variable("t", "Temperature", scale=2.0, offset=1.0), Variable("secret", drop=True)]
    mapping = DeviceMapping(
        device=DEVICE, physical_uid=3, intervals=[Interval(7, NOON - 10 * SECOND, None, [pause], variables)]
    )
    shown = messages(
        reading(measured(1.0, time=NOON - 11 * SECOND), measured(2.0, time=NOON - 8 * SECOND), measured(3.0),
                measured(4.0, "secret")),
        mapping,
    )  # fmt: skip
    assert [(m.logical_uid, [(x.name, x.value) for x in m.measurements]) for m in shown] == [
        (7, [("Temperature", 7.0)])
    ]
    assert messages(reading(), None) == []


@given(st.text(min_size=0, max_size=400))
def test_makes_a_safe_name_of_any_id(identity: str) -> None:
    name = safe(identity)
    assert 0 < len(name) <= 180
    assert not {"/", "\\", "\0", "."} & set(name)


@given(st.lists(st.text(max_size=300), unique=True))
def test_makes_different_names_of_different_ids(identities: list[str]) -> None:
    assert len({safe(identity) for identity in identities}) == len(identities)
