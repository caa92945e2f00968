"""Laws that every decoder keeps, whatever bytes it is given."""

import base64
import json
import time
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streams import avro, pipeline
from streams.core.decode import decode, decode_batch
from streams.core.message import Decoder, Ignored, Message, Rejected
from streams.core.records import Lineage, RawRecord
from streams.settings import DecodeSettings

DECODERS = pipeline.decoders(DecodeSettings())
CONTEXT = pipeline.context(DecodeSettings(lpp_applications=("*",)), mapping=lambda _: None)
RECEIVED_AT = 1_715_382_002_000_000_000
VECTORS = Path(__file__).parents[1] / "vectors"

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["2024-05-10T23:00:00Z", "NaN"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@cache
def cases(source: str) -> list[dict[str, Any]]:
    """The records of the source's vectors; read once, and never changed."""
    return [json.loads(path.read_text("utf-8"))["record"] for path in sorted((VECTORS / source).glob("*.json"))]


def bodies(source: str) -> list[Any]:
    """The payloads of the source's vectors that are JSON objects, or lists of something."""
    return [case["payload"] for case in _structured(source)]


def _structured(source: str) -> list[dict[str, Any]]:
    return [case for case in cases(source) if case.get("payload") and isinstance(case["payload"], (dict, list))]


@st.composite
def twisted(draw: st.DrawFn, source: str) -> RawRecord:
    """A good body in which something somewhere is replaced by anything."""
    case = draw(st.sampled_from(_structured(source)))
    body = json.loads(json.dumps(case["payload"]))
    spot: Any = body
    while True:
        key = draw(st.sampled_from(sorted(spot) if isinstance(spot, dict) else range(len(spot))))
        if not isinstance(spot[key], (dict, list)) or not spot[key] or draw(st.booleans()):
            spot[key] = draw(json_values)
            return came(source, case, json.dumps(body).encode())
        spot = spot[key]


@st.composite
def twisted_bytes(draw: st.DrawFn, source: str) -> RawRecord:
    """A good record with some of its bytes cut out or replaced, where it came in."""
    case = draw(st.sampled_from(cases(source)))
    payload = body_of(case)
    start = draw(st.integers(0, len(payload)))
    end = draw(st.integers(start, min(len(payload), start + 8)))
    return came(source, case, payload[:start] + draw(st.binary(max_size=8)) + payload[end:])


def came(source: str, case: dict[str, Any], payload: bytes) -> RawRecord:
    """A record that came in as the vector's did."""
    found = record(source, payload, case["transport"])
    return msgspec.structs.replace(found, address=case["address"], headers=case.get("headers", {}))


def record(source: str, payload: bytes, transport: str = "http") -> RawRecord:
    return RawRecord(
        id="0190", source=source, transport=transport, address="a/b", received_at=RECEIVED_AT, payload=payload
    )


def holds_every_law(decoder: Decoder, raw: RawRecord) -> None:
    before = msgspec.json.encode(raw)
    parts, key = decoder.open(raw), decoder.key(raw)

    assert parts
    assert all(isinstance(part, Message | Rejected | Ignored) for part in parts)
    devices = [part.sender.device for part in parts if isinstance(part, Message)]
    assert len(set(devices)) == len(devices)
    assert all(device.startswith(f"{decoder.name}:") for device in devices)
    assert key is None or key.startswith(f"{decoder.name}:")
    assert repr((decoder.open(raw), decoder.key(raw))) == repr((parts, key))  # NaN does not equal itself
    assert msgspec.json.encode(raw) == before

    outcome = decode(raw, Lineage(0, 1), 1, CONTEXT)
    assert outcome.readings or outcome.dead_letters or outcome.ignored
    assert not any(letter.reason == "decoder-failed" for letter in outcome.dead_letters)
    assert outcome == decode(raw, Lineage(0, 1), 1, CONTEXT)
    for made in (*outcome.readings, *outcome.dead_letters, *outcome.events):
        assert avro.decode_any(avro.encode(made)) == made


@pytest.mark.parametrize("decoder", DECODERS.values(), ids=DECODERS)
@settings(max_examples=60, deadline=None)
@given(payload=st.binary(max_size=200), transport=st.sampled_from(["mqtt", "http"]))
@example(payload=b"", transport="mqtt")
@example(payload=b" \n", transport="http")
@example(payload=b"\xef\xbb\xbf{}", transport="http")
@example(payload=b"[" * 200_000, transport="http")
@example(payload=b'{"a":' * 50_000 + b"1" + b"}" * 50_000, transport="mqtt")
@example(payload=b'{"values":{"a":' + b'{"b":' * 400 + b"1" + b"}" * 402, transport="mqtt")
@example(payload=b'{"id":"\\ud800","t":1}', transport="mqtt")
def test_answers_any_bytes_with_values(decoder: Decoder, payload: bytes, transport: str) -> None:
    holds_every_law(decoder, record(decoder.name, payload, transport))


@pytest.mark.parametrize("source", [source for source in DECODERS if bodies(source)])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_answers_any_twisted_body_with_values(source: str, data: st.DataObject) -> None:
    holds_every_law(DECODERS[source], data.draw(twisted(source)))


@pytest.mark.parametrize("decoder", DECODERS.values(), ids=DECODERS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_answers_any_twisted_record_with_values(decoder: Decoder, data: st.DataObject) -> None:
    holds_every_law(decoder, data.draw(twisted_bytes(decoder.name)))


@pytest.mark.parametrize("decoder", DECODERS.values(), ids=DECODERS)
def test_answers_ten_megabytes_with_values(decoder: Decoder) -> None:
    text = "x" * 10_000_000
    for body in (
        text,
        {"id": text},
        {"id": "a", "v": text},
        {"end_device_ids": {"dev_eui": text}, "uplink_message": {}},
    ):
        holds_every_law(decoder, record(decoder.name, json.dumps(body).encode()))


SMALL_PARTS = {
    "rows": b"device,v\n" + b"\n".join(b"%d,1" % number for number in range(30_000)),
    "lines": b"a\n" * 100_000,
    "lists": b"[" + b"[]," * 66_000 + b"[]]",
    "objects": b"[" + b'{"id":"a","v":1},' * 12_000 + b"{}]",
    "names": b"{" + b",".join(b'"k%d":1' % number for number in range(20_000)) + b"}",
    "fields": b"\x12\x02\x0a\x00" * 50_000,
}
"""200 kB of them"""


@pytest.mark.parametrize("body", SMALL_PARTS.values(), ids=SMALL_PARTS)
@pytest.mark.parametrize("decoder", DECODERS.values(), ids=DECODERS)
def test_small_parts_cost_what_their_bytes_do(decoder: Decoder, body: bytes) -> None:
    began = time.process_time()
    outcome = decode(record(decoder.name, body, "mqtt"), Lineage(0, 1), 1, CONTEXT)

    assert time.process_time() - began < 2.5
    assert len(outcome.dead_letters) <= 1_001


@pytest.mark.parametrize("source", DECODERS)
def test_gives_readings_and_key_of_the_same_sender(source: str) -> None:
    keys = {DECODERS[source].key(came(source, case, body_of(case))) for case in cases(source)}

    assert len(keys - {None}) >= 1


def test_decodes_a_batch_as_it_decodes_one_by_one() -> None:
    raws = [came(source, case, body_of(case)) for source in DECODERS for case in cases(source)]
    items = [(raw, Lineage(partition, 9), 7) for partition, raw in enumerate(raws)]  # so that none remembers another

    assert decode_batch(items, CONTEXT) == [decode(*item, CONTEXT) for item in items]


def body_of(case: dict[str, Any]) -> bytes:
    if "base64" in case:
        return base64.b64decode(case["base64"])
    text: str = case["text"] if "text" in case else json.dumps(case["payload"])
    return text.encode()
