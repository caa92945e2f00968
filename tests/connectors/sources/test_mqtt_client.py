"""A PUBLISH whose properties paho refuses is a message all the same: without an acknowledgement it would come for ever."""

import asyncio

import paho.mqtt.client as paho
import pytest
from paho.mqtt.exception import MalformedPacket

from connectors.sources.mqtt import raw_record
from connectors.sources.mqtt_client import Client
from streams.settings import MqttBroker


def text(value: str | bytes) -> bytes:
    encoded = value if isinstance(value, bytes) else value.encode()
    return len(encoded).to_bytes(2, "big") + encoded


def publish(properties: bytes, *, qos: int = 1, length: int | None = None) -> bytes:
    """What follows a PUBLISH's remaining length: topic `json/é`, packet id 7, payload `payload`."""
    mid = b"\0\7" if qos else b""
    return text("json/é") + mid + bytes([len(properties) if length is None else length]) + properties + b"payload"


def received(command: int, packet: bytes) -> list[paho.MQTTMessage]:
    """What reaches the door of a packet with this first byte."""

    async def handled() -> list[paho.MQTTMessage]:
        messages: list[paho.MQTTMessage] = []
        client = Client(MqttBroker(), None, print, messages.append, lambda: True)
        client._client._in_packet |= {"command": command, "packet": bytearray(packet)}
        assert client._client._packet_handle() == paho.MQTT_ERR_SUCCESS
        return messages

    return asyncio.run(handled())


ODD = {
    "U+FEFF in a user property": b"\x26" + text("unit") + text("\ufeff"),
    "U+0000 in a content type": b"\x03" + text("a\0b"),
    "U+FEFF in a response topic": b"\x08" + text("\ufeffanswers"),
    "bytes that are no UTF-8": b"\x03" + text(b"\xff\xfe"),
    "a surrogate": b"\x26" + text(b"\xed\xa0\x80") + text("x"),
    "payload format indicator 2": b"\x01\x02",
    "topic alias 0": b"\x23\0\0",
    "an unknown property": b"\x7f\0",
    "a property of another packet": b"\x12" + text("client"),
    "a property that comes twice": 2 * (b"\x03" + text("text/plain")),
    "a user property that is cut off": b"\x26\0\x09a",
    "good ones before an odd one": b"\x26" + text("unit") + text("m") + b"\x01\xff",
}


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize(("command", "mid", "flags"), [(0x32, 7, "100"), (0x3B, 7, "111"), (0x30, 0, "000")])
def test_skips_properties_that_paho_refuses_and_says_so(odd: str, command: int, mid: int, flags: str) -> None:
    (message,) = received(command, publish(ODD[odd], qos=command >> 1 & 3))

    record = raw_record(message, message.topic, "json", "mqtt")
    assert (message.mid, record.address, record.payload, record.content_type) == (mid, "json/é", b"payload", "")
    assert record.headers == dict(zip(("qos", "retain", "dup"), flags, strict=True)) | {"properties": "unreadable"}


def test_reads_those_that_paho_reads() -> None:
    (message,) = received(0x32, publish(b"\x26" + text("unit") + text("m³") + b"\x03" + text("text/plain")))

    record = raw_record(message, message.topic, "json", "mqtt")
    assert (record.content_type, record.payload) == ("text/plain", b"payload")
    assert record.headers == {"qos": "1", "retain": "0", "dup": "0", "user:unit": "m³"}


@pytest.mark.parametrize("packet", [publish(b"\x01\x02", length=100), text("json/é") + b"\0\7", b"\0", b""])
def test_a_packet_that_ends_before_its_payload_is_no_message(packet: bytes) -> None:
    with pytest.raises(MalformedPacket):
        received(0x32, packet)
