"""What ChirpStack's events tell codecs of their device."""

import json

import pytest

from streams.core.message import Message
from streams.core.records import RawRecord
from streams.decoders.chirpstack import DECODER


@pytest.mark.parametrize(
    ("tags", "told", "model"),
    [
        ({"brand": "acme", "model": "one", "scale": "2"}, {"brand": "acme", "model": "one", "scale": "2"}, "acme/one"),
        ({"brand": "acme", "more": "x" * 10_000}, {}, ""),
        (None, {}, ""),
    ],
)
def test_tags_are_told_as_far_as_they_are_of_a_reasonable_size(
    tags: dict[str, str] | None, told: dict[str, str], model: str
) -> None:
    info = {"devEui": "24e124136b502217", "deviceName": "room", "tags": tags}
    body = {"deviceInfo": info, "time": "2026-01-01T00:00:00Z", "fPort": 1, "data": "AQ=="}
    (part,) = DECODER.open(
        RawRecord(
            id="1", source="chirpstack", transport="mqtt", address="application/1/device/24e124136b502217/event/up",
            received_at=1, payload=json.dumps(body).encode(),
        )
    )  # fmt: skip

    assert isinstance(part, Message)
    assert (part.sender.tags, part.sender.model, part.sender.name) == (told, model, "room")
