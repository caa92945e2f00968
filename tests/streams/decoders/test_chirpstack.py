"""What chooses a codec for a ChirpStack device, and that both ways to write an event say the same."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from streams import pipeline
from streams.core.codec import Answer, Call, Codecs
from streams.core.decode import decode
from streams.core.message import Value
from streams.core.outcome import Outcome
from streams.core.records import Lineage
from streams.settings import DecodeSettings
from tests.test_vectors import raw_record

VECTORS = Path(__file__).parents[2] / "vectors" / "chirpstack"


class Counting:
    label = "counting@1"

    def run(self, calls: Sequence[Call]) -> Sequence[Answer]:
        return [[Value("bytes", len(call.payload), call.time), Value("port", call.port, call.time)] for call in calls]


def outcome(name: str, target: str = "") -> Outcome:
    case: dict[str, Any] = json.loads((VECTORS / f"{name}.json").read_text("utf-8"))
    context = pipeline.context(DecodeSettings(), mapping=lambda _: None)
    codecs = Codecs([(Counting(), [target])] if target else [])
    return decode(raw_record("chirpstack", case["record"]), Lineage(0, 0), 1, replace(context, codecs=codecs))


@pytest.mark.parametrize(
    "target",
    [
        "device:chirpstack:24e124136b502217",
        "application:rooms",
        "application:17c82e96-be03-4f38-aef3-f83d48582d97",
        "profile:EM300-TH",
        "profile:14855bf7-d10d-4aee-b618-ebfcb64dc7ad",
        "model:milesight/em300-th",
    ],
)
def test_a_codec_is_chosen_by_names_and_by_ids(target: str) -> None:
    (reading,) = outcome("v4_up_protobuf", target).readings
    assert reading.codec == "counting@1"
    assert [(m.name, m.value) for m in reading.measurements] == [("bytes", 10.0), ("port", 85.0)]


def test_no_codec_sees_a_payload_that_is_encrypted() -> None:
    found = outcome("v4_encrypted", "application:rooms")
    assert found.readings == []
    assert [letter.reason for letter in found.dead_letters] == ["encrypted-payload"]
