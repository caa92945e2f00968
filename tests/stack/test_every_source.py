"""Every source's recorded messages through the real doors: what the log holds then is what their vectors say."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
from msgspec import Struct

from streams import pipeline
from streams.core.decode import Context, decode
from streams.core.message import RECEIPT_TIME
from streams.core.records import DeadLetter, Lineage, RawRecord, Reading
from streams.mqtt_filter import overlap
from streams.settings import DecodeSettings, MqttBroker
from tests.ports import free_port
from tests.stack import doors, raw_log
from tests.stack.harness import Installation, eventually
from tests.test_vectors import VECTORS, described, raw_record

NOT_ALONE = {"settings", "topics", "before"}
"""What a vector may need besides its message; the stack tests of those sources bring it."""
SOURCES = pipeline.decoders(DecodeSettings())
ELSEWHERE = {"ict_eagleio", "greenbrain", "axistech", "signed", "sparkplug"}
"""Sources with stack tests of their own: no door takes them, or their messages need what was there before."""

TIMELESS = {"factory"}
"""Sources whose messages tell no time: all of their readings have that of receipt."""


class Sent(Struct, frozen=True):
    """One vector's message, and what it becomes."""

    name: str
    record: RawRecord
    readings: list[dict[str, Any]]

    @property
    def exact(self) -> bool:
        """Whether the readings do not depend on the time of receipt, which is today's here."""
        qualities = [q for r in self.readings for m in r["measurements"] for q in m[4:]]
        return bool(self.readings) and not any(quality & RECEIPT_TIME for quality in qualities)


def test_every_message_ends_as_its_vector_says(installation: Installation, tmp_path: Path) -> None:
    at, url = _started(installation, tmp_path)
    sent = _sent(at, url)
    kafka = at.settings.kafka
    eventually(lambda: sum(raw_log.ends(kafka).values()) == len(sent))
    eventually(lambda: raw_log.committed(kafka) == {p: end for p, end in raw_log.ends(kafka).items() if end}, 60)

    log = {_identity(raw): (raw, lineage) for raw, lineage in raw_log.raw_records(kafka)}
    readings, letters = raw_log.values(kafka, "readings", Reading), raw_log.values(kafka, "dead-letters", DeadLetter)
    context = pipeline.context(DecodeSettings(), mapping=lambda _: None)
    for one in sent:
        raw, lineage = log[_identity(one.record)]
        _check(one, raw, lineage, context, readings, letters)
    assert {one.record.source for one in sent} == set(SOURCES) - ELSEWHERE
    assert {one.record.source for one in sent if one.exact} == set(SOURCES) - ELSEWHERE - TIMELESS


def _check(
    one: Sent, raw: RawRecord, lineage: Lineage, context: Context, readings: list[Reading], letters: list[DeadLetter]
) -> None:
    outcome = decode(raw, lineage, 1, context)
    stored = [r for r in readings if (r.raw_partition, r.raw_offset) == (lineage.partition, lineage.offset)]
    dead = [d for d in letters if (d.raw_partition, d.raw_offset) == (lineage.partition, lineage.offset)]
    assert sorted(stored, key=lambda reading: reading.index) == outcome.readings, one.name
    assert sorted(dead, key=msgspec.json.encode) == sorted(outcome.dead_letters, key=msgspec.json.encode), one.name
    if one.exact:
        assert described(outcome)["readings"] == one.readings, one.name


def _started(installation: Installation, tmp_path: Path) -> tuple[Installation, str]:
    port = free_port()
    broker = {"port": installation.stack.mqtt_port, "client_id": installation.unique}
    webhook = {"port": port, "sources": sorted(SOURCES)}
    at = installation.with_settings(mqtt={"brokers": [broker]}, webhook=webhook)
    raw_log.open_generation(at.settings.kafka)
    for process in ("mqtt", "webhook", "decode"):
        at.start("run", process, section=process, log=tmp_path / f"{process}.log")
    return at, f"http://127.0.0.1:{port}"


def _sent(at: Installation, url: str) -> list[Sent]:
    """Send each message once: over MQTT where a default subscription brings it, else to the webhook."""
    found = {_identity(one.record): one for one in _vectors() if _is_taken(one.record)}
    records = [one.record for one in found.values()]
    doors.publish(at, [(record.address, record.payload) for record in records if record.transport == "mqtt"])
    with httpx.Client(base_url=url, timeout=30) as client:
        for record in records:
            if record.transport == "http":
                _post(client, record)
    return list(found.values())


def _vectors() -> Iterator[Sent]:
    for path in sorted(VECTORS.glob("*/*.json")):
        case = json.loads(path.read_text("utf-8"))
        if path.parent.name in set(SOURCES) - ELSEWHERE and NOT_ALONE.isdisjoint(case):
            record = raw_record(path.parent.name, case["record"])
            yield Sent(f"{path.parent.name}/{path.stem}", record, case["expect"].get("readings", []))


def _is_taken(record: RawRecord) -> bool:
    """Whether a door takes messages of this address."""
    if record.transport == "mqtt":
        subscribed = (one.filter for one in MqttBroker().subscriptions if one.source == record.source)
        return any(overlap(one, record.address) for one in subscribed)
    return record.address.startswith((f"/webhooks/{record.source}", "/ttn/webhook/up"))


def _post(client: httpx.Client, record: RawRecord) -> None:
    headers = {"content-type": record.content_type} if record.content_type else {}
    query = {name.removeprefix("query:"): v for name, v in record.headers.items() if name.startswith("query:")}
    answer = client.post(record.address, content=record.payload, headers=headers, params=query)
    assert answer.status_code == 204, answer.text


def _identity(record: RawRecord) -> tuple[str, bytes, str]:
    return record.source, record.payload, record.address
