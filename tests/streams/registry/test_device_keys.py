"""The keys made for people and those that decoders make are the same."""

import json

import pytest

from streams.core.message import Ignored, Message
from streams.core.records import RawRecord
from streams.pipeline import decoders
from streams.registry.device_keys import key_of
from streams.settings import DecodeSettings

TTN_IDS = {"device_id": "tank-07", "application_ids": {"application_id": "tanks"}}
PAYLOADS: dict[str, object] = {
    "ttn": {
        "end_device_ids": TTN_IDS | {"dev_eui": "70B3D57ED0051A2B"},
        "uplink_message": {"f_port": 1, "decoded_payload": {"level": 1.0}, "received_at": "2024-05-10T23:00:00Z"},
    },
    "ttn without dev_eui": {
        "end_device_ids": TTN_IDS,
        "uplink_message": {"f_port": 1, "decoded_payload": {"level": 1.0}, "received_at": "2024-05-10T23:00:00Z"},
    },
    "ydoc": {
        "device": {"sn": 108170001, "name": "Pond", "v": "4.4B6"},
        "channels": [
            {"code": "S1M1", "name": "s1moisture1", "unit": ""},
            {"code": "SB", "name": "Signal", "unit": "bars"},
        ],
        "data": [{"$ts": 220317121510, "S1M1": 5.84, "SB": 2}],
    },
    "wombat": {
        "timestamp": "2024-05-10T23:00:00Z",
        "source_ids": {"serial_no": "B8D61A0100AA", "firmware": "1.0.8"},
        "timeseries": [{"name": "battery (v)", "value": 4.16}],
    },
    "chirpstack": {"deviceInfo": {"devEui": "24E124136B502217"}, "fPort": 1, "object": {"level": 1.0}},
    "vibration": [{"SerialNumber": "AAD-1123", "Timestamp": "2024-05-10T23:00:00Z", "Value": 0.42}],
    "points": [{"type": "value", "time": "2024-05-10T23:00:00Z", "value": 21.4}],
    "factory": "21.37",
    "dragino_json": {"IMEI": "860000000000017", "Model": "S31x-CB", "time": "2024-05-10T23:00:00Z", "battery": 3.6},
    "ict_mqtt": b"2024-05-10 23:00:00,4161",
    "ict_eagleio": [
        {
            "_class": "io.eagle.models.node.point.NumberPoint",
            "name": "pond1 level",
            "currentValue": 1.5,
            "currentTime": "2024-05-10T23:00:00Z",
        }
    ],
    "greenbrain": {
        "sensorGroup": {"id": 19640, "name": "Chardonnay"},
        "sensorTypes": {"moisture": {"sensors": [{"name": "10cm", "value": 40.1, "time": "2024-05-10T23:00:00"}]}},
    },
    "axistech": {"data": {"a": {"weather": [{"code": "1234", "time": "2024-05-10T23:00:00Z", "rainfall": "0.2"}]}}},
    "csv": b"device,level\nTank 4,1\n",
    "json": {"device": "Tank 4", "time": "2024-05-10T23:00:00Z", "values": {"level": 1}},
}
ADDRESSES = {
    "chirpstack": "application/1/device/24e124136b502217/event/up",
    "ict_mqtt": "ict/data/mncm2l307",
    "points": "/webhooks/points/site-1/tank",
    "factory": "/webhooks/factory/sim/read/1B9D6BCD-bbfd-4b2d-9b5d-ab8dfbbd4bed",
}


@pytest.mark.parametrize("case", PAYLOADS)
def test_key_of_what_a_decoder_saw_is_the_decoders_key(case: str) -> None:
    source = case.partition(" ")[0]
    raw = RawRecord(
        id="1",
        source=source,
        transport="http",
        address=ADDRESSES.get(source, "/"),
        received_at=2 * 10**18,
        payload=told if isinstance(told := PAYLOADS[case], bytes) else json.dumps(told).encode(),
    )
    opened = decoders(DecodeSettings())[source].open(raw)
    senders = [part.sender for part in opened if isinstance(part, Message | Ignored) and part.sender]
    assert senders
    for sender in senders:
        assert key_of(source, sender.source_ids) == sender.device


def test_key_of_a_sparkplug_device_and_of_its_node() -> None:
    ids = {"group_id": "plant", "edge_node_id": "line-1"}
    assert key_of("sparkplug", ids) == "sparkplug:plant/line-1"
    assert key_of("sparkplug", ids | {"device_id": "pump"}) == "sparkplug:plant/line-1/pump"
    assert key_of("sparkplug", {"group_id": "plant", "device_id": "pump"}) is None


def test_key_of_incomplete_source_ids_is_unknown() -> None:
    assert key_of("ttn", {"app_id": "tanks"}) is None
    assert key_of("ydoc", {}) is None
    assert key_of("other", {"id": "1"}) is None


def test_an_identity_is_written_in_the_case_that_its_source_has() -> None:
    assert key_of("ttn", {"dev_eui": "70B3D57ED0051A2B"}) == "ttn:70b3d57ed0051a2b"
    assert key_of("wombat", {"serial_no": "B8D61A0100AA"}) == "wombat:B8D61A0100AA"
