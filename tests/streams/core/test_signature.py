"""Signatures: digests written out, and the law that what verifies says what was signed."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.core import signature, strict_json
from streams.core.signed_topic import SignedKey

KEY = "example-mqtt-signing-key"
SIGNED = [
    (
        "unit-test-key",
        '{"humidity":60.64,"temperature":20.52,"ts":1759384453,"ts_ns":920529791}',
        "rkjZ6z4JjueYqOU3crcaFPZELt1qcCD36GzmeTuFSTw=",
    ),
    (
        KEY,
        '{"humidity":60.64,"temperature":20.52,"ts":1759384453,"ts_ns":920529791}',
        "EbtdmFFSK4pWmI7Q/PFoNC9TWtv3Co9TO4pSiC19u6I=",
    ),
    (KEY, '{"temperature":20.0,"ts":1759384453,"ts_ns":0}', "1+idBX/YSO1JWbtNKwxvGq20qTS3EPFnnbX9flosqoI="),
    (KEY, '{"temperature":20,"ts":1759384453,"ts_ns":0}', "uondlYZ4NSjE8vCKuqerY7w+1dOnxtm6FditkyrP0To="),
    (
        KEY,
        '{"b":{"a":null,"z":true},"l":[2,1],"ts":1759384453,"ts_ns":5}',
        "gzmkOJPNv2sx9MrGns3b7tNtOE5wslyFq738uOIxPIs=",
    ),
    (KEY, '{"ts":1,"ts_ns":2,"v":1e-07}', "y4wXKRg2Y3mt3rQGtqlF2TJl9OVLNnhSf+xyVu53f54="),
    (KEY, '{"ts":1,"ts_ns":2,"unit":"\\u00b0C"}', "9A3N0C3TNkHQHHFPLP326sOmUT4qECvzwuc6vbOdx9o="),
    (KEY, '{"ts":1,"ts_ns":2,"unit":"°C"}', "fn7uK+7CQnFz7dDFQt9NmKspEbdrV+LPln8BfsF694Q="),
]
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
payloads = st.dictionaries(st.text(max_size=6), values, max_size=4)


def verifies(text: str, digest: str, key: str = KEY) -> bool:
    """As the decoder asks."""
    if signature.fault(digest) is not None:
        return False
    return signature.is_signed(strict_json.read(text), text, digest, key)


def recipe(payload: object) -> str:
    """The sender's documented recipe, written here once more."""
    text = json.dumps(payload, indent=None, separators=(",", ":"), sort_keys=True)
    return base64.b64encode(hmac.new(KEY.encode(), text.encode(), hashlib.sha256).digest()).decode()


@pytest.mark.parametrize(("key", "text", "digest"), SIGNED)
def test_known_digests_hold_and_no_other(key: str, text: str, digest: str) -> None:
    assert verifies(text, digest, key)
    assert not verifies(text, digest, key + "x")
    for other_key, other, other_digest in SIGNED:
        same = key == other_key and repr(json.loads(text)) == repr(json.loads(other))
        assert verifies(text, other_digest, other_key) is (same or (text == other and key != other_key))


def test_signs_as_the_digests_say() -> None:
    for key, text, digest in SIGNED[:7]:
        assert signature.sign(json.loads(text), key) == digest


@settings(max_examples=200, deadline=None)
@given(payload=payloads, indent=st.none() | st.integers(0, 2), escaped=st.booleans())
def test_what_the_recipe_signs_verifies_however_it_is_sent(payload: Any, indent: int | None, escaped: bool) -> None:
    text = json.dumps(payload, indent=indent, ensure_ascii=escaped)

    assert verifies(text, recipe(payload))
    assert signature.sign(payload, KEY) == recipe(payload)


@settings(max_examples=300, deadline=None)
@given(payload=payloads, data=st.data())
def test_no_payload_that_says_something_else_verifies(payload: Any, data: st.DataObject) -> None:
    whole = json.dumps(payload).encode()
    place = data.draw(st.integers(0, len(whole) - 1))
    changed = whole[:place] + bytes([data.draw(st.integers(0, 255))]) + whole[place + 1 :]
    try:
        text = changed.decode()
        same = repr(strict_json.read(text).value) == repr(strict_json.read(whole.decode()).value)
    except ValueError:
        return
    assert verifies(text, recipe(payload)) is same


@settings(max_examples=200, deadline=None)
@given(payload=payloads, data=st.data())
def test_no_changed_digest_verifies(payload: Any, data: st.DataObject) -> None:
    digest = recipe(payload)
    place, character = data.draw(st.integers(0, len(digest) - 1)), data.draw(st.characters())
    changed = digest[:place] + character + digest[place + 1 :]

    assert verifies(json.dumps(payload), changed) is (changed == digest)


@settings(max_examples=200, deadline=None)
@given(value=values)
def test_reads_what_json_reads(value: Any) -> None:
    for text in (json.dumps(value), json.dumps(value, indent=1, ensure_ascii=False)):
        assert repr(strict_json.read(text).value) == repr(json.loads(text))


@pytest.mark.parametrize(
    "text",
    [
        "", " ", '{"a":1,"a":2}', '{"a":1,"\\u0061":2}', '[{"b":1,"b":1}]', "NaN", "-Infinity", "[Infinity]", "1e999",
        "[1,]", "{,}", '{"a":1,}', '{"a"}', '{"a":}', "01", "1.", ".5", "+1", "1-2", "[1 2]", "[", "{} x", "nullx",
        '"\x01"', '"\\x"', '"', "'a'", "\ufeff{}", "9" * 1_001, "[" * 40 + "]" * 40,
    ],
)  # fmt: skip
def test_refuses_what_is_no_json_or_reads_two_ways(text: str) -> None:
    with pytest.raises(strict_json.NotStrict):
        strict_json.read(text)


def test_names_are_in_order_of_code_points() -> None:
    assert strict_json.read('{"\U0001f321":1, "\uff5e":2, "\\ud83d\\ude00":3}').canonical == (
        '{"\uff5e":2,"\U0001f321":1,"\\ud83d\\ude00":3}'
    )


def test_a_key_shows_its_fingerprint_only() -> None:
    key = SignedKey(key="a secret that nobody sees")

    assert "secret" not in repr([key])
    assert key.fingerprint in repr(key)
    assert len(key.fingerprint) == 8
