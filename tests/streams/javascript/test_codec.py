import json
from hashlib import sha256

import pytest
from msgspec.structs import replace

from streams import pipeline
from streams.core.codec import Decoded
from streams.core.codec_record import Codec
from streams.core.decode import decode
from streams.core.message import Rejected, Sender, Value
from streams.core.records import Lineage, RawRecord
from streams.javascript.codec import JavaScript
from streams.javascript.sandbox import Mode, Sandbox
from streams.settings import DecodeSettings
from tests.streams.javascript.running import TIME, call, source

CODE = """
function decodeUplink(input) {
  if (input.bytes.length === 0) return { errors: ["empty", "sorry"] };
  var data = { level: input.bytes[0] / 2, port: input.fPort, at: input.recvTime, on: true, gone: undefined };
  if (input.bytes[0] === 1) data.ratio = 1 / 0;
  return { data: data, warnings: input.bytes[0] === 1 ? ["odd"] : [] };
}
"""


def record(code: str, name: str = "acme") -> Codec:
    return Codec(name=name, hash=sha256(code.encode()).hexdigest(), language="javascript", code=code)


def test_gives_the_data_as_values_at_the_messages_time(sandbox: Sandbox) -> None:
    codec = JavaScript(record(CODE), sandbox)

    assert codec.label == "acme@" + sha256(CODE.encode()).hexdigest()[:12]
    assert codec.run([call("04", port=7)]) == [
        [
            Value("level", 2, TIME),
            Value("port", 7, TIME),
            Value("at", "2025-01-01T00:00:00.000Z", TIME),
            Value("on", True, TIME),
        ]
    ]


def test_counts_what_was_left_out_and_rejects_what_has_errors(sandbox: Sandbox) -> None:
    warned, failed = JavaScript(record(CODE), sandbox).run([call("01"), call("", device="ttn:b")])

    assert isinstance(warned, Decoded)
    assert [value.name for value in warned.values] == ["level", "port", "at", "on"]
    assert warned.ignored == ["codec-warning", "not-finite"]
    assert failed == Rejected("codec", "decode-errors", "empty; sorry", "ttn:b")


def test_reads_the_uplinks_of_the_application_that_it_is_registered_for() -> None:
    registered = replace(record(CODE), applies_to=["application:fields"])
    made = pipeline.context(DecodeSettings(), mapping=lambda _: None, codecs=[registered])
    body = {
        "end_device_ids": {"dev_eui": "A81758FFFE000001", "application_ids": {"application_id": "fields"}},
        "uplink_message": {"f_port": 3, "frm_payload": "AQ=="},
    }
    raw = RawRecord(
        id="1", source="ttn", transport="http", address="/", received_at=TIME, payload=json.dumps(body).encode()
    )

    outcome = decode(raw, Lineage(0, 7), 1, made)

    assert [(m.name, m.value) for m in outcome.readings[0].measurements] == [
        ("level", 0.5),
        ("port", 3.0),
        ("at", None),
        ("on", 1.0),
    ]
    assert outcome.readings[0].codec == f"acme@{registered.hash[:12]}"
    assert outcome.ignored == [("codec", "codec-warning"), ("codec", "not-finite")]


def test_reads_the_normalised_payload_beside_the_data(sandbox: Sandbox) -> None:
    (values,) = JavaScript(record(source("soil")), sandbox).run([call("9601fb2e0200c8")])

    assert values == [
        Value("battery", 3, TIME),
        Value("temperature", -12.34, TIME),
        Value("moisture", 20, TIME),
        Value("battery", 3, TIME, "V"),
        Value("soil.temperature", -12.34, TIME, "°C"),
        Value("soil.moisture", 20, TIME, "%"),
    ]


@pytest.mark.parametrize(
    "normalizer",
    ["return { errors: ['no'] };", "throw 1;", "return { data: { air: { flavour: 1 } } };", "return {};", "return;"],
)
def test_keeps_the_data_when_its_normalisation_fails(sandbox: Sandbox, normalizer: str) -> None:
    code = (
        f"function decodeUplink(i) {{ return {{ data: {{ a: 1 }} }}; }} function normalizeUplink(i) {{ {normalizer} }}"
    )

    assert JavaScript(record(code), sandbox).run([call()]) == [Decoded([Value("a", 1, TIME)], ["normalizer-failed"])]


@pytest.mark.parametrize("mode", ["wrapped", "plain", "fresh"])
def test_a_codec_that_asks_for_it_is_told_whose_message_it_is(sandbox: Sandbox, mode: Mode) -> None:
    code = "function decodeUplink(i) { i.device.seen = true; return { data: { all: JSON.stringify(i) } }; }"
    sender = Sender(
        device="chirpstack:a", source_ids={"dev_eui": "a" * 3000}, name="Fühler", model="acme/one", tags={"scale": "2"}
    )
    asked = [replace(call("01"), sender=sender)] * 2
    told = {
        "bytes": [1],
        "fPort": 1,
        "recvTime": "2025-01-01T00:00:00.000Z",
        "variables": {"scale": "2"},
        "device": {
            "source_name": "chirpstack", "name": "Fühler", "source_ids": {"dev_eui": "a" * 3000},
            "application": "", "profile": "", "model": "acme/one", "seen": True,
        },
    }  # fmt: skip
    for answer in JavaScript(record(code), sandbox, mode=mode).run(asked):
        assert not isinstance(answer, Rejected | Decoded)
        assert json.loads(answer[0].value) == told


def test_the_older_convention_of_chirpstack_gets_the_tags_and_other_codecs_get_none(sandbox: Sandbox) -> None:
    sender = Sender(device="chirpstack:a", source_ids={}, tags={"scale": "2"})
    asked = [replace(call("04"), sender=sender)]
    scaled = "function Decode(port, bytes, variables) { return { level: bytes[0] * variables.scale }; }"
    blind = "function Decode(port, bytes, others) { return { level: Object.keys(others).length }; }"

    assert JavaScript(record(scaled), sandbox).run(asked) == [[Value("level", 8, TIME)]]
    assert JavaScript(record(blind), sandbox).run(asked) == [[Value("level", 0, TIME)]]
