"""Load for the decode benchmark: The Things Stack uplinks with a Cayenne LPP payload of four measurements, and the one
piece of work that every variant does with them."""

import base64
import json
import time
from collections.abc import Callable, Iterable, Iterator

from msgspec.structs import replace

from streams import avro, kafka, pipeline, topics
from streams.agents.batch import Consumed
from streams.agents.output import Outgoing, Output, raw_records
from streams.core.decode import decode_batch
from streams.core.records import DeviceMapping, Generation, Interval, Lineage, RawRecord
from streams.registry.hashes import code_hash, codecs_hash, rules_hash
from streams.settings import Settings

DEVICES = 200
Work = Callable[[int, Iterable[Consumed]], list[Outgoing]]


def prepare(settings: Settings, count: int) -> None:
    """Topics, a generation, a mapping per device, and ``count`` raw records."""
    topics.create(settings.kafka)
    producer = kafka.BatchProducer(settings.kafka, timeout_s=60)
    producer.send("generations", "1", avro.encode(_generation(settings.kafka.partitions)))
    for mapping in mappings():
        producer.send("device-mapping", mapping.device, avro.encode(mapping))
    for number, record in enumerate(records(count)):
        producer.send("raw", f"ttn:{number % DEVICES}", avro.encode(record))
        if number % 10_000 == 9_999:
            producer.flush()
    producer.flush()


def mappings() -> list[DeviceMapping]:
    """One open mapping per device."""
    return [
        DeviceMapping(device=f"ttn:{_eui(n)}", physical_uid=n, intervals=[Interval(logical_uid=n, start=0)])
        for n in range(DEVICES)
    ]


def work(settings: Settings) -> Work:
    """Avro in, decode, normalise, place, Avro out: what the decode agent does between consuming and producing."""
    known = {mapping.device: mapping for mapping in mappings()}
    context = pipeline.context(settings.decode, known.get)

    def decode(partition: int, records: Iterable[Consumed]) -> list[Outgoing]:
        output = Output(settings.kafka.max_record_bytes, lambda _event: False)
        decoded = raw_records(partition, list(records), {}, output)
        items = [(raw, Lineage(partition, record.offset), 1) for raw, record in decoded]
        outcomes = decode_batch(items, replace(context, mapping_position=0))
        for (raw, lineage, _), (_, record), outcome in zip(items, decoded, outcomes, strict=True):
            output.add(raw, lineage, record.key, outcome)
        return output.records

    return decode


def _generation(partitions: int) -> Generation:
    return Generation(
        number=1,
        fences={str(p): 0 for p in range(partitions)},
        code=code_hash(),
        codecs=codecs_hash(()),
        rules=rules_hash(()),
        opened_at=0,
        opened_by="benchmark",
        why="benchmark",
    )


def records(count: int) -> Iterator[RawRecord]:
    received_at = time.time_ns()
    for n in range(count):
        yield RawRecord(
            id=f"0193{n:028x}",
            source="ttn",
            transport="mqtt",
            address=f"v3/lpp@bench/devices/d{n % DEVICES}/up",
            received_at=received_at + n,
            payload=_uplink(n),
        )


def _uplink(n: int) -> bytes:
    """An uplink without decoded payload; the size of a real one with one gateway."""
    lpp = bytes([1, 103, n % 2, n % 256, 2, 104, n % 200, 3, 2, 1, n % 256, 4, 116, 1, n % 100])
    body = {
        "end_device_ids": {
            "device_id": f"d{n % DEVICES}",
            "application_ids": {"application_id": "lpp"},
            "dev_eui": _eui(n % DEVICES).upper(),
            "dev_addr": "260B1234",
        },
        "correlation_ids": [f"gs:uplink:{n:026d}"],
        "received_at": "2026-11-01T03:04:05.678901234Z",
        "uplink_message": {
            "session_key_id": "AYxK8Z5m",
            "f_port": 2,
            "f_cnt": n,
            "frm_payload": base64.b64encode(lpp).decode(),
            "rx_metadata": [
                {
                    "gateway_ids": {"gateway_id": "gw-1", "eui": "58A0CBFFFE800001"},
                    "timestamp": 2463457000,
                    "rssi": -97,
                    "channel_rssi": -97,
                    "snr": 7.25,
                    "uplink_token": "CiIKIAoUZXVpLTU4YTBjYmZmZmU4MDAwMDESCFig",
                }
            ],
            "settings": {
                "data_rate": {"lora": {"bandwidth": 125000, "spreading_factor": 7, "coding_rate": "4/5"}},
                "frequency": "916800000",
                "timestamp": 2463457000,
            },
            "received_at": "2026-11-01T03:04:05.473829000Z",
            "consumed_airtime": "0.061696s",
        },
    }
    return json.dumps(body, separators=(",", ":")).encode()


def _eui(n: int) -> str:
    return f"a81758fffe{n:06x}"
