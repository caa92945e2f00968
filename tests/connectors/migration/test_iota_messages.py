"""What IoTa kept of each source's messages is what our decoders read, for the device that its next message will be of."""

import json
from typing import Any

import pytest

from connectors.migration import iota_messages as messages
from connectors.migration.iota_messages import Origin
from connectors.migration.iota_values import Unfit
from streams import decoders
from streams.core.message import Message, Rejected
from streams.core.options import IctColumn, IctLayout, Options
from tests.connectors.migration import iota

LAYOUTS = (IctLayout(("mncm2l301",), (IctColumn(1, "battV", 1000.0, "V"),)),)
DECODERS = decoders.load(Options(ydoc_utc_offset=36_000_000_000_000, ict_mqtt_layouts=LAYOUTS))
ORIGINS = {305: Origin("mncm2l301", {"topic": "ict/data/mncm2l301"}), 306: Origin("mncm2l301", {})}
AT = 1_715_382_000_000_000_000
"""2024-05-10T23:00:00Z"""


def row(source: str, message: Any, physical: int | None = None, text: str | None = None) -> dict[str, str | None]:
    return {
        "uid": "17",
        "source_name": source,
        "physical_uid": None if physical is None else str(physical),
        "correlation_id": "83d04e6f-db16-4280-8337-53f11b2335c6",
        "ts": "2024-05-10 23:00:00.5+00",
        "json_msg": None if message is None else iota.jsonb(message),
        "text_msg": text,
    }


@pytest.mark.parametrize(
    ("source", "message", "physical", "expected"),
    [
        ("ttn", iota.TTN, None, {"ttn:70b3d57ed0051a2b": {("battery", 3.61, AT + 892395503), ("level", 1.284, AT + 892395503)}}),
        (
            "ttn",
            {"broker_correlation_id": "x", "raw_msg": iota.TTN},
            None,
            {"ttn:70b3d57ed0051a2b": {("battery", 3.61, AT + 892395503), ("level", 1.284, AT + 892395503)}},
        ),
        (
            "ydoc",
            iota.YDOC,
            None,
            {"ydoc:108170001-s1": {("moisture1", 5.84, AT)}, "ydoc:ydoc-108170001": {("Signal", 2, AT)}},
        ),
        ("wombat", iota.WOMBAT, None, {"wombat:B8D61A0100AA": {("battery (v)", 4.16, AT), ("1_Temperature", 21.6, AT)}}),
        ("ict_mqtt", iota.ICT, 305, {"ict_mqtt:mncm2l301": {("battV", 4.161, AT)}}),
        ("ict_mqtt", iota.ICT, 306, {"ict_mqtt:mncm2l301": {("battV", 4.161, AT)}}),
        ("ict_eagleio", iota.EAGLEIO, None, {"ict_eagleio:mncm2l301": {("battV", 4.165, AT)}}),
        ("ict_eagleio", iota.EAGLEIO[0], None, {"ict_eagleio:mncm2l301": {("battV", 4.165, AT)}}),
        ("greenbrain", iota.GREENBRAIN, None, {"greenbrain:19640": {("10cm", 40.06, AT)}}),
        ("axistech", iota.AXISTECH, None, {"axistech:1234": {("8_AirTemperature", 14.1, AT), ("8_RH", 81, AT)}}),
        (
            "axistech",
            {"code": "1234", "time": "2024-05-10T23:00:00Z", "humidity_avg": "81"},
            None,
            {"axistech:1234": {("8_RH", 81, AT)}},
        ),
        (
            "axistech",
            {"data": {"account": {"weather": [{"code": "1234", "time": "2024-05-10T23:00:00Z", "humidity_avg": "81"}]}}},
            None,
            {"axistech:1234": {("8_RH", 81, AT)}},
        ),
    ],
)  # fmt: skip
def test_what_was_kept_is_decoded(
    source: str, message: Any, physical: int | None, expected: dict[str, set[tuple[str, float, int]]]
) -> None:
    record = messages.record_of(row(source, message, physical), ORIGINS)

    opened = DECODERS[source].open(record)
    found = {
        part.sender.device: {(value.name, value.value, value.time) for value in part.values or ()}
        for part in opened
        if isinstance(part, Message)
    }

    assert found == expected
    assert not [part for part in opened if isinstance(part, Rejected)]
    assert record.id == "83d04e6f-db16-4280-8337-53f11b2335c6"
    assert record.received_at == AT + 500_000_000
    assert record.headers == {"iota-uid": "17"}


def test_dragino_sets_are_decoded() -> None:
    record = messages.record_of(row("dragino_json", iota.DRAGINO), {})

    (message,) = DECODERS["dragino_json"].open(record)

    assert isinstance(message, Message)
    assert message.sender.device == "dragino_json:860000000000017"
    values = [(value.name, value.value) for value in message.values or ()]
    assert values[-2:] == [("temperature", 21.2), ("humidity", 41.2)]


@pytest.mark.parametrize(
    ("source", "message", "transport", "address"),
    [
        ("ttn", iota.TTN, "http", "/ttn/webhook/up"),
        ("ydoc", iota.YDOC, "mqtt", "YDOC/108170001"),
        ("wombat", iota.WOMBAT, "mqtt", "wombat"),
        ("dragino_json", iota.DRAGINO, "mqtt", "dragino_up"),
        ("greenbrain", iota.GREENBRAIN, "poll", "iota/greenbrain"),
        ("lufft", {"a": 1}, "file", "iota/lufft"),
    ],
)
def test_it_came_as_it_came_to_iota(source: str, message: Any, transport: str, address: str) -> None:
    record = messages.record_of(row(source, message), {})

    assert (record.transport, record.address) == (transport, address)
    assert (record.source, record.connector, record.content_type) == (source, "import-iota", "application/json")


def test_numbers_and_texts_stay_as_they_were_written() -> None:
    kept = b'{"sim": 89882280600000000017, "v": 1.10, "t": "a : b, \\" c", "e": 1E2, "l": [1, {"x": null}]}'

    assert (
        messages.compact(kept) == b'{"sim":89882280600000000017,"v":1.10,"t":"a : b, \\" c","e":1E2,"l":[1,{"x":null}]}'
    )


def test_the_end_mark_of_a_ydoc_set_comes_last_again() -> None:
    """PostgreSQL sorts members by length: what is longer than `$msg` would be lost behind it."""
    body = {**iota.YDOC, "data": [{"$ts": 240511090000, "S1M1": 5.84, "AVGVi": 3.32, "$msg": "power on"}]}
    body["channels"] = [*body["channels"], {"code": "AVGVi", "name": "Average voltage", "unit": "V"}]

    record = messages.record_of(row("ydoc", body), {})

    assert list(json.loads(record.payload)["data"][0]) == ["$ts", "S1M1", "AVGVi", "$msg"]
    devices = [part.sender.device for part in DECODERS["ydoc"].open(record) if isinstance(part, Message)]
    assert devices == ["ydoc:108170001-s1", "ydoc:ydoc-108170001"]


def test_text_is_sent_as_it_is_and_json_in_a_text_is_json() -> None:
    assert messages.record_of(row("ydoc", None, text="no json"), {}).payload == b"no json"
    assert messages.record_of(row("axistech", json.dumps({"data": {}})), {}).payload == b'{"data": {}}'


def test_a_message_without_an_id_gets_the_same_one_each_time() -> None:
    nameless = row("wombat", iota.WOMBAT) | {"correlation_id": None}

    ids = {messages.record_of(nameless, {}).id for _ in range(2)}

    assert ids == {"56421001-f067-5b68-9a88-92ac93dcf284"}


@pytest.mark.parametrize("lacking", ["ts", "json_msg"])
def test_a_row_with_nothing_in_it_is_none(lacking: str) -> None:
    with pytest.raises(Unfit):
        messages.record_of(row("wombat", iota.WOMBAT) | {lacking: None}, {})
