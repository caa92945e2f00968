"""Every decoder's and every native codec's evidence, in `tests/vectors/<source or codec>/<case>.json`.

A decoder's case is a raw record and what it becomes; a codec's is a payload and the values that it holds.
"""

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from streams import codecs, pipeline
from streams.core.codec import Answer, Call, Decoded
from streams.core.decode import decode
from streams.core.memory import History
from streams.core.message import Rejected, Sender
from streams.core.outcome import Outcome
from streams.core.records import Block, Lineage, RawRecord
from streams.core.signed_topic import SignedTopic
from streams.settings import DecodeSettings

VECTORS = Path(__file__).parent / "vectors"
CODECS = codecs.load()
CASES = sorted(path for path in VECTORS.glob("*/*.json") if path.parent.name not in CODECS)
PAYLOADS = sorted(path for path in VECTORS.glob("*/*.json") if path.parent.name in CODECS)
TIME = 1_715_382_002_000_000_000


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_becomes_what_its_vector_says(path: Path) -> None:
    case = json.loads(path.read_text("utf-8"))
    history = History()
    settings = DecodeSettings(**case.get("settings", {}))
    topics = msgspec.convert(case.get("topics", []), list[SignedTopic])
    context = pipeline.context(settings, mapping=lambda _: None, topics=topics, recollect=history)
    for offset, told in enumerate(case.get("before", [])):  # what a decoder with memory has seen
        earlier, lineage = raw_record(path.parent.name, told), Lineage(2, offset)
        if kept := decode(earlier, lineage, 3, context).memory:
            history.add(kept.key, lineage, kept.record)
    outcome = decode(raw_record(path.parent.name, case["record"]), Lineage(2, 40), 3, context)
    empty: dict[str, Any] = {"readings": [], "dead_letters": [], "ignored": [], "seen": []}
    assert described(outcome) == empty | case["expect"]


@pytest.mark.parametrize("path", PAYLOADS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_payload_holds_what_its_vector_says(path: Path) -> None:
    case = json.loads(path.read_text("utf-8"))
    call = Call(bytes.fromhex(case["payload"]), case["port"], TIME, Sender(device="ttn:1", source_ids={}))
    (answer,) = CODECS[path.parent.name].run([call])
    assert answered(answer) == case["expect"]


def test_holds_vectors_for_every_decoder_and_native_codec_and_nothing_else() -> None:
    assert {path.name for path in VECTORS.iterdir()} == {*pipeline.decoders(DecodeSettings()), *CODECS}


def answered(answer: Answer) -> dict[str, Any]:
    """Name, value, unit, and the time unless it is the message's; what was left out; or why it was rejected."""
    if isinstance(answer, Rejected):
        return {"rejected": answer.reason}
    values, ignored = (answer.values, answer.ignored) if isinstance(answer, Decoded) else (answer, ())
    told = [[v.name, v.value, v.unit, *([written(v.time)] * (v.time != TIME))] for v in values]
    return {"values": told} | ({"ignored": list(ignored)} if ignored else {})


def raw_record(source: str, told: dict[str, Any]) -> RawRecord:
    if "base64" in told:
        payload = base64.b64decode(told["base64"])
    else:
        payload = (told["text"] if "text" in told else json.dumps(told["payload"])).encode()
    received = datetime.fromisoformat(told["received_at"])
    return RawRecord(
        id="0190a0b0-0000-7000-8000-000000000001",
        source=source,
        transport=told["transport"],
        address=told["address"],
        content_type=told.get("content_type", ""),
        headers=told.get("headers", {}),
        received_at=round(received.timestamp()) * 1_000_000_000,
        payload=payload,
    )


def described(outcome: Outcome) -> dict[str, Any]:
    return {
        "readings": [
            {
                "device": reading.device,
                "index": reading.index,
                "time": written(reading.time),
                "codec": reading.codec,
                "source_ids": reading.source_ids,
                "measurements": [
                    [
                        m.name,
                        m.text if m.value is None else m.value,
                        m.unit,
                        written(m.time),
                        *([m.quality] * (m.quality > 0)),
                    ]
                    for m in reading.measurements
                ],
            }
            | ({"blocks": [written_block(block) for block in reading.blocks]} if reading.blocks else {})
            for reading in outcome.readings
        ],
        "dead_letters": [[letter.stage, letter.reason, letter.device] for letter in outcome.dead_letters],
        "ignored": [list(ignored) for ignored in outcome.ignored],
        "seen": [
            {"device": event.device, "at": written(event.at), "name": event.name}
            | ({} if event.latitude is None else {"latitude": event.latitude, "longitude": event.longitude})
            | ({"properties": event.properties} if event.properties else {})
            for event in outcome.events
        ],
    }


def written_block(block: Block) -> list[Any]:
    """Name, unit, start, what lies between values (ns) or each value's offset (ns), values, quality unless good."""
    steps = np.frombuffer(block.offsets, "<i8").tolist() if block.offsets else block.period
    values = np.frombuffer(block.values, "<f8").tolist()
    return [block.name, block.unit, written(block.start), steps, values, *([block.quality] * (block.quality > 0))]


def written(time: int) -> str:
    seconds, fraction = divmod(time, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{fraction:09}Z"
