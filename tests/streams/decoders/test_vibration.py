"""Batches: read in columns or part by part, the same messages."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streams.core.message import Ignored, Message, Opened, Rejected
from streams.core.records import RawRecord
from streams.decoders import vibration

times = st.sampled_from([
    "2026-01-03T07:01:01-03:00", "2026-01-03T10:01:01.000000123Z", "2026-01-03 10:01:01", "never", "", "9999-12-31T00:00:00Z",
])  # fmt: skip
serials = st.sampled_from(["AAD-1123", "B", "----", "", "AAD-11234", "é"])
numbers = (
    st.floats(allow_nan=False, allow_infinity=False) | st.integers() | st.sampled_from([2**53, -(2**53), 2**53 - 1])
)
samples = st.fixed_dictionaries(
    {"SerialNumber": serials, "Timestamp": times, "Value": numbers}, optional={"Extra": st.none() | st.text(max_size=3)}
)
anything = samples | st.fixed_dictionaries({}, optional={
    "SerialNumber": serials | st.integers() | st.none(), "Timestamp": times | st.integers(),
    "Value": numbers | st.none() | st.text(max_size=3) | st.booleans() | st.lists(st.integers(), max_size=2),
})  # fmt: skip


def record(payload: bytes, address: str = "sensor.AAD-1123.measurements") -> RawRecord:
    return RawRecord(
        id="1",
        source="vibration",
        transport="mqtt",
        address=address,
        received_at=1_767_434_462 * 10**9,
        payload=payload,
    )


def opened(body: Any) -> list[Opened]:
    return vibration.DECODER.open(record(json.dumps(body).encode()))


def slowly(body: Any) -> list[Opened]:
    return vibration._open_any(record(json.dumps(body).encode()))


@settings(max_examples=300)
@given(st.lists(samples, max_size=12))
@example([{"SerialNumber": "B", "Timestamp": "2026-01-03T10:01:01Z", "Value": -0.0}])
@example([{"SerialNumber": "B", "Timestamp": "2026-01-03T10:01:01Z", "Value": 10**400}])
def test_columns_say_what_part_by_part_says(body: list[Any]) -> None:
    assert opened(body) == slowly(body)


@settings(max_examples=200)
@given(st.lists(anything, max_size=8))
def test_every_sample_is_in_a_message_or_counted_in_a_rejection(body: list[Any]) -> None:
    parts = opened(body)

    kept = sum(len(p.blocks[0].times) // 8 if p.blocks else 0 for p in parts if isinstance(p, Message))
    kept += sum(len(p.values or ()) for p in parts if isinstance(p, Message))
    refused = sum(int(p.detail.split()[0]) for p in parts if isinstance(p, Rejected))
    assert kept + refused == len(body)


def test_repeated_keys_count_as_their_last() -> None:
    text = b'[{"SerialNumber":"A","Value":1,"Timestamp":"2026-01-03T10:01:01Z","SerialNumber":"B","Value":2}]'

    assert vibration.DECODER.open(record(text)) == vibration._open_any(record(text)) != []


def test_a_full_batch_is_one_message_without_single_values() -> None:
    body = [
        {"SerialNumber": "AAD-1123", "Timestamp": f"2026-01-03T07:01:01.{40_000 * n:09}-03:00", "Value": n / 8}
        for n in range(25_000)
    ]

    (message,) = opened(body)

    assert isinstance(message, Message)
    assert (list(message.values or ()), len(message.blocks), len(message.blocks[0].times)) == ([], 1, 200_000)
    assert message.time == 1_767_434_461_999_960_000


def test_a_bound_number_of_sensors_is_in_a_batch() -> None:
    def batch(count: int) -> list[Any]:
        return [
            {"SerialNumber": f"S{n}", "Timestamp": "2026-01-03T10:01:01Z", "Value": value}
            for n in range(count)
            for value in (1, None)
        ]

    assert sum(isinstance(part, Message) for part in opened(batch(1_000))) == 1_000
    assert [(p.reason, p.detail) for p in opened(batch(1_001)) if isinstance(p, Rejected)] == [
        ("too-many-devices", "1001 sensors in one batch")
    ]


def test_bad_serials_are_named() -> None:
    (rejected,) = opened([{"SerialNumber": s, "Timestamp": "x", "Value": 1} for s in ("<AAD>", "<AAD>", "----")])

    assert isinstance(rejected, Rejected)
    assert rejected.detail == "3 sample(s) of 2 serial number(s): '----', '<AAD>'"


@pytest.mark.parametrize(("address", "payload", "key"), [
    ("sensor.AAD-1123.measurements", b"", "vibration:AAD-1123"),
    ("sensor.AAD-1123.registry.created", b"\xff", "vibration:AAD-1123"),
    ("sensor.----.logs", b'[{"SerialNumber":"B"}]', None),
    ("/webhooks/vibration", b'[{"SerialNumber" : "B", "SerialNumber": "C"}]', "vibration:B"),
    ("/webhooks/vibration", b'[{"SerialNumber":"AAD-11234"}]', None),
    ("/webhooks/vibration", b"\x00", None),
])  # fmt: skip
def test_the_key_is_of_the_topics_sensor_else_of_the_first_in_the_body(
    address: str, payload: bytes, key: str | None
) -> None:
    assert vibration.DECODER.key(record(payload, address)) == key


def test_registering_twice_says_the_same_of_one_device() -> None:
    first, again = (opened({"SerialNumber": "AAD-1123", "SampleFrequency": hz}) for hz in (25_000, 25_000.0))

    (ignored,) = first
    assert isinstance(ignored, Ignored)
    assert first == again
    assert ignored.sender is not None
    assert msgspec.structs.asdict(ignored.sender)["properties"] == {"sample_frequency": "25000"}
