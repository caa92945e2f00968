"""Source signed beyond its vectors: details, times of keys, any bytes behind a registered topic."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams import avro, pipeline
from streams.core import signature
from streams.core.decode import decode
from streams.core.records import Lineage, RawRecord
from streams.core.signed_topic import SignedField, SignedKey, SignedTopic
from streams.core.times import SECOND
from streams.registry.device_keys import key_of
from streams.settings import DecodeSettings

AT = 1_759_384_453 * SECOND
FIELDS = [
    SignedField(name="level", type="float", unit="m", min=0, max=5),
    SignedField(name="count", type="int", required=False),
    SignedField(name="state", type="str", required=False),
    SignedField(name="open", type="bool", required=False),
]
TOPIC = SignedTopic(
    topic="a/b", dataset="tanks", fields=FIELDS, keys=[SignedKey(key="old", not_after=AT), SignedKey(key="new")],
    raw_retention=60,
)  # fmt: skip
OPEN = SignedTopic(topic="a/open", dataset="d", extra_fields=True, keys=[SignedKey(key="new")], raw_retention=60)
CONTEXT = pipeline.context(DecodeSettings(), mapping=lambda _: None, topics=[TOPIC, OPEN])


def record(payload: bytes, received_at: int = AT, topic: str = "a/b") -> RawRecord:
    return RawRecord(id="1", source="signed", transport="mqtt", address=topic, received_at=received_at, payload=payload)


def message(key: str = "new", **fields: Any) -> bytes:
    return signature.message({"ts": AT // SECOND, "ts_ns": 7} | fields, key)


def fault(payload: bytes, received_at: int = AT) -> tuple[str, str]:
    (letter,) = decode(record(payload, received_at), Lineage(0, 0), 1, CONTEXT).dead_letters
    return letter.reason, letter.detail


@pytest.mark.parametrize(
    ("fields", "detail"),
    [
        ({}, "level: is missing"),
        ({"level": "1"}, "level: is no float: 1"),
        ({"level": None}, "level: is no float: None"),
        ({"level": -0.5}, "level: -0.5 is below 0"),
        ({"level": 6}, "level: 6 is above 5"),
        ({"level": 1, "count": 2.0}, "count: is no int: 2.0"),
        ({"level": 1, "count": True}, "count: is no int: True"),
        ({"level": 1, "state": 4}, "state: is no str: 4"),
        ({"level": 1, "open": 1}, "open: is no bool: 1"),
        ({"level": 1, "zinc": 1, "alien": 1}, "alien: is not registered"),
    ],
)
def test_a_field_that_is_not_as_registered_is_named(fields: dict[str, Any], detail: str) -> None:
    assert fault(message(**fields)) == ("schema", detail)


def test_of_a_rotation_both_keys_count_until_the_old_one_ends() -> None:
    for key in ("old", "new"):
        assert decode(record(message(key, level=1), AT - 1), Lineage(0, 0), 1, CONTEXT).readings
    assert decode(record(message("new", level=1)), Lineage(0, 0), 1, CONTEXT).readings
    assert fault(message("old", level=1)) == (
        "hmac", "signed with none of 1 key(s) that counted when it was received",
    )  # fmt: skip


def test_the_device_key_is_that_of_its_source_ids_and_of_the_door() -> None:
    raw = record(message(level=1, count=3, state="ok", open=False))
    (reading,) = decode(raw, Lineage(0, 0), 1, CONTEXT).readings

    assert reading.device == key_of("signed", reading.source_ids) == "signed:a/b"
    assert pipeline.decoders(DecodeSettings())["signed"].key(raw) == "signed:a/b"
    assert reading.time == AT + 7
    assert [(m.name, m.value, m.text, m.unit) for m in reading.measurements] == [
        ("level", 1.0, None, "m"), ("count", 3.0, None, ""), ("state", None, "ok", ""), ("open", 0.0, None, ""),
    ]  # fmt: skip


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
    | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(
    fields=st.dictionaries(st.text(max_size=6) | st.just("\udfff"), values, max_size=4),
    topic=st.sampled_from(["a/b", "a/open"]),
)
def test_any_signed_payload_is_answered_and_can_be_stored(fields: dict[str, Any], topic: str) -> None:
    body = fields | {"ts": AT // SECOND, "ts_ns": 7}
    outcome = decode(record(signature.message(body, "new"), topic=topic), Lineage(0, 0), 1, CONTEXT)

    assert outcome.readings or outcome.dead_letters or outcome.ignored
    assert not {"hmac", "bad-json", "decoder-failed"} & {letter.reason for letter in outcome.dead_letters}
    for made in (*outcome.readings, *outcome.dead_letters, *outcome.events):
        assert avro.decode_any(avro.encode(made)) == made


@settings(max_examples=200, deadline=None)
@given(cut=st.integers(0, 200), put=st.binary(max_size=6))
def test_no_changed_message_is_another_reading(cut: int, put: bytes) -> None:
    whole = message(level=1.5)
    changed = whole[:cut] + put + whole[cut + len(put) :]
    good = decode(record(whole), Lineage(0, 0), 1, CONTEXT)
    outcome = decode(record(changed), Lineage(0, 0), 1, CONTEXT)

    assert outcome.readings in ([], good.readings)
    assert outcome.readings or outcome.dead_letters
    assert json.loads(whole)["hmac"]


def test_a_body_that_would_take_seconds_to_verify_is_rejected_unread() -> None:
    assert fault(b" " * 1_000_001) == ("too-large", "1000001 bytes, at most 1000000 are read")
