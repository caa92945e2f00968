"""The MQTT door between a real broker and a real Kafka: nothing acknowledged is lost, nothing stored is changed."""

import ssl
from pathlib import Path
from typing import Any

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from streams.core.records import DeadLetter, RawRecord
from tests.certificates import certificate
from tests.stack import doors
from tests.stack.harness import Installation, Process, eventually
from tests.stack.proxy import Proxy


def door(installation: Installation, *, port: int | None = None, **broker: Any) -> Installation:
    """The installation with one broker entry, whose topics and session no other test has."""
    unique = installation.unique
    entry: dict[str, Any] = {
        "name": "shared",
        "port": port or installation.stack.mqtt_port,
        "client_id": unique,
        "session_expiry_s": 600,
        "subscriptions": [
            {"filter": f"{unique}/json/#", "source": "json"},
            {"filter": f"{unique}/wombat", "source": "wombat"},
            {"filter": f"{unique}/fast/+", "source": "json", "qos": 0},
        ],
    }
    return installation.with_settings(mqtt={"brokers": [entry | broker]})


def start(installation: Installation, tmp_path: Path, *, wait: bool = True) -> Process:
    return installation.start("run", "mqtt", section="mqtt", log=tmp_path / "mqtt.log", wait=wait)


def received(installation: Installation, count: int) -> list[RawRecord]:
    """Topic raw, as soon as it holds so many records."""

    def enough() -> list[RawRecord]:
        found = doors.raw(installation)
        return found if len(found) >= count else []

    return eventually(enough)


def by_payload(records: list[RawRecord]) -> dict[bytes, RawRecord]:
    return {record.payload: record for record in records}


def test_keeps_every_message_byte_for_byte(installation: Installation, tmp_path: Path) -> None:
    at, unique = door(installation), installation.unique
    start(at, tmp_path)
    every_byte, large = bytes(range(256)), bytes(10_000_000)
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho
    properties.UserProperty = [("unit", "m³"), ("unit", "l")]
    properties.ContentType = "application/json"
    doors.publish(
        at, [(f"{unique}/json/a/b", b'{"no": json'), (f"{unique}/wombat", every_byte), (f"{unique}/json", b"")]
    )
    doors.publish(at, [(f"{unique}/json/large", large)])
    doors.publish(at, [(f"{unique}/json/p", b"properties")], properties=properties)
    doors.publish(at, [(f"{unique}/fast/1", b"qos 0")], qos=0)

    found = by_payload(received(at, 6))

    assert set(found) == {b'{"no": json', every_byte, b"", large, b"properties", b"qos 0"}
    malformed = found[b'{"no": json']
    assert (malformed.source, malformed.transport, malformed.address) == ("json", "mqtt", f"{unique}/json/a/b")
    assert malformed.headers == {"qos": "1", "retain": "0", "dup": "0"}
    assert malformed.connector == "mqtt"
    assert found[every_byte].source == "wombat"
    assert found[b"qos 0"].headers["qos"] == "0"
    assert found[b"properties"].content_type == "application/json"
    assert found[b"properties"].headers["user:unit"] == "m³, l"


def test_stops_in_order_so_that_nothing_comes_twice(installation: Installation, tmp_path: Path) -> None:
    at, topic = door(installation), f"{installation.unique}/json/stop"
    doors.publish(at, [(topic, b"retained")], retain=True)
    process = start(at, tmp_path)
    with doors.publishing(at, topic) as acknowledged:
        eventually(lambda: len(acknowledged) > 100)
        assert process.stop() == 0
        start(at, tmp_path)
    doors.publish(at, [(topic, b"")], retain=True)

    found = received(at, len(acknowledged) + 2)

    assert sorted(record.payload for record in found) == sorted([*acknowledged, b"retained", b""])
    assert [record.payload for record in found if record.headers["retain"] == "1"] == [b"retained"]


def test_starts_without_broker_and_kafka_and_recovers_holding_no_more_than_it_may(
    installation: Installation, tmp_path: Path
) -> None:
    mqtt, log = Proxy(installation.stack.mqtt), Proxy(installation.stack.kafka, kafka=True)
    at = door(installation, port=mqtt.port).with_settings(kafka={"bootstrap_servers": log.address})
    at = at.with_settings(mqtt=at.overrides["mqtt"] | {"max_in_process": 50})
    payloads = [b"%d" % number for number in range(300)]
    try:
        process = start(at, tmp_path, wait=False)
        eventually(lambda: "mqtt-away" in process.log.read_text())
        mqtt.open()
        eventually(lambda: "mqtt-connected" in process.log.read_text())
        doors.publish(installation, [(f"{installation.unique}/json/early", payload) for payload in payloads])
        eventually(lambda: "kafka-away" in process.log.read_text())
        assert not process.ready()
        assert 'isthmus_in_process{connector="mqtt"} 50.0' in process.metrics()
        log.open()
        eventually(process.ready)
        assert {record.payload for record in received(installation, 300)} == set(payloads)
    finally:
        mqtt.close()
        log.close()


def test_reads_on_into_its_spool_when_it_holds_all_it_may(installation: Installation, tmp_path: Path) -> None:
    log = Proxy(installation.stack.kafka, kafka=True)
    at = door(installation, spool=True).with_settings(kafka={"bootstrap_servers": log.address})
    at = at.with_settings(mqtt=at.overrides["mqtt"] | {"max_in_process": 50})
    payloads = {b"%d" % number for number in range(300)}
    try:
        process = start(at, tmp_path, wait=False)
        eventually(lambda: "mqtt-connected" in process.log.read_text())
        doors.publish(installation, [(f"{installation.unique}/json/a", payload) for payload in sorted(payloads)])
        eventually(lambda: 'isthmus_spool_records{connector="mqtt"} 300.0' in process.metrics())
        log.open()
        eventually(lambda: {record.payload for record in doors.raw(installation)} == payloads)
    finally:
        log.close()


def test_loses_nothing_that_the_broker_acknowledged_whatever_is_cut_off_or_killed_under_load(
    installation: Installation, tmp_path: Path
) -> None:
    mqtt, log = Proxy(installation.stack.mqtt), Proxy(installation.stack.kafka, kafka=True)
    at = door(installation, port=mqtt.port).with_settings(kafka={"bootstrap_servers": log.address})
    mqtt.open()
    log.open()
    try:
        process = start(at, tmp_path)
        with doors.publishing(installation, f"{installation.unique}/json/cut") as acknowledged:

            def more(count: int = 100) -> None:
                before = len(acknowledged)
                eventually(lambda: len(acknowledged) > before + count)

            more()
            mqtt.shut()
            eventually(lambda: "mqtt-away" in process.log.read_text())
            mqtt.open()
            more()
            log.shut()
            eventually(lambda: "kafka-away" in process.log.read_text())
            process.kill()  # while it holds messages that are in no Kafka
            log.open()
            start(at, tmp_path)
            more()
        sent = set(acknowledged)
        eventually(lambda: sent <= {record.payload for record in doors.raw(installation)})
    finally:
        mqtt.close()
        log.close()


def test_speaks_tls_with_a_certificate_of_its_own(installation: Installation, tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(cert, key)
    tls.load_verify_locations(cert)
    tls.verify_mode = ssl.CERT_REQUIRED
    proxy = Proxy(installation.stack.mqtt, tls=tls)
    proxy.open()
    files = {"ca_file": str(cert), "cert_file": str(cert), "key_file": str(key)}
    try:
        at = door(installation, port=proxy.port, tls=True, **files)
        process = start(at, tmp_path)
        payloads = [b"%d" % number + bytes(300) for number in range(1000)]
        doors.publish(installation, [(f"{installation.unique}/json/tls", payload) for payload in payloads])
        assert {record.payload for record in received(installation, 1000)} == set(payloads)
        process.kill()
        process = start(door(installation, port=proxy.port, tls=True), tmp_path, wait=False)
        eventually(lambda: "certificate verify failed" in process.log.read_text())
    finally:
        proxy.close()


def test_diverts_what_kafka_refuses_and_goes_on(installation: Installation, tmp_path: Path) -> None:
    at, unique = door(installation).with_settings(kafka={"max_record_bytes": 100_000}), installation.unique
    start(at, tmp_path)
    large = bytes(range(256)) * 1000
    doors.publish(at, [(f"{unique}/json/large", large), (f"{unique}/json/small", b"small")])

    letters = eventually(lambda: doors.contents(at, "dead-letters", DeadLetter))

    assert [(letter.stage, letter.reason, letter.source) for letter in letters] == [("door", "too-large", "json")]
    assert Path(str(letters[0].body).removeprefix("file://")).read_bytes() == large
    assert [record.payload for record in received(at, 1)] == [b"small"]
