import json

from streams.core.message import Message
from streams.core.options import Options
from streams.core.records import RawRecord
from streams.decoders.ydoc import Ydoc


def test_does_not_multiply_a_long_name_by_the_number_of_sensors() -> None:
    body = {
        "device": {"sn": 1, "name": "n" * 1_000_000},
        "channels": [{"code": f"s{sensor}t1", "name": "t"} for sensor in range(500)],
        "data": [{"$ts": 220317121510, **{f"s{sensor}t1": 1 for sensor in range(500)}}],
    }
    raw = RawRecord(
        id="0190", source="ydoc", transport="mqtt", address="YDOC/1", received_at=0, payload=json.dumps(body).encode()
    )

    parts = Ydoc(Options(ydoc_utc_offset=0)).open(raw)

    assert len(parts) == 500
    assert all(isinstance(part, Message) and len(part.sender.name or "") <= 200 for part in parts)


def test_keeps_all_devices_of_a_logger_in_order_by_one_key() -> None:
    body = b'{"device":{"sn":108170001,"name":"Pond"},"channels":[],"data":[]}'
    raw = RawRecord(id="0190", source="ydoc", transport="mqtt", address="YDOC/1", received_at=0, payload=body)

    assert Ydoc(Options(ydoc_utc_offset=0)).key(raw) == "ydoc:108170001"
