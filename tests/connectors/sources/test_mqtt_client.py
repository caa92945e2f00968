"""A PUBLISH whose properties paho refuses is a message all the same: without an acknowledgement it would come for ever.

Nor may one that paho would take long over block the connection until the broker ends it.
"""

import asyncio
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any, Literal

import paho.mqtt.client as paho
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt._packet import decode_publish
from paho.mqtt.enums import MQTTProtocolVersion
from paho.mqtt.exception import MalformedPacket
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties, VariableByteIntegers

from connectors.sources import mqtt_client
from connectors.sources.mqtt import raw_record
from connectors.sources.mqtt_client import Client, Refused
from streams.settings import MqttBroker, Subscription


def text(value: str | bytes) -> bytes:
    encoded = value if isinstance(value, bytes) else value.encode()
    return len(encoded).to_bytes(2, "big") + encoded


def publish(properties: bytes, *, qos: int = 1, length: int | None = None, payload: bytes = b"payload") -> bytes:
    """What follows a PUBLISH's remaining length: topic `json/é`, packet id 7."""
    mid = b"\0\7" if qos else b""
    told = VariableByteIntegers.encode(len(properties) if length is None else length)  # type: ignore[no-untyped-call]
    return bytes(text("json/é") + mid + told + properties + payload)


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


def test_a_number_that_is_cut_off_is_not_taken_from_the_payload() -> None:
    (message,) = received(0x32, publish(b"\x02\0\0"))

    assert (message.payload, message.properties) == (b"payload", None)


def test_leaves_properties_that_paho_would_take_long_over() -> None:
    empty = b"\x26\0\0\0\0"
    (message,) = received(0x32, publish(empty * 20_000))

    assert (message.payload, message.properties) == (b"payload", None)


@pytest.mark.parametrize("user_properties", [0, 1, 1000])
def test_paho_sees_the_head_alone_however_long_the_payload_is(
    monkeypatch: pytest.MonkeyPatch, user_properties: int
) -> None:
    seen: list[int] = []
    unpack = Properties.unpack

    def counted(properties: Properties, buffer: bytes) -> Any:
        seen.append(len(buffer))
        return unpack(properties, buffer)  # type: ignore[no-untyped-call]

    monkeypatch.setattr(Properties, "unpack", counted)
    for payload in (b"", bytes(1_000_000)):
        (message,) = received(0x32, publish(user_properties * (b"\x26" + text("unit") + text("m")), payload=payload))
        assert message.payload == payload
    assert seen[0] == seen[1] <= 2 + 10 * user_properties


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufeff"), max_size=30)


@st.composite
def properties_of_a_publish(draw: st.DrawFn) -> Properties:
    numbers = {"PayloadFormatIndicator": (0, 1), "MessageExpiryInterval": (0, 2**32 - 1), "TopicAlias": (1, 65_535)}
    chosen: dict[str, st.SearchStrategy[Any]] = {name: st.integers(*span) for name, span in numbers.items()}
    chosen |= {"ContentType": texts, "ResponseTopic": texts, "CorrelationData": st.binary(max_size=300)}
    chosen |= {"UserProperty": st.lists(st.tuples(texts, texts), min_size=1, max_size=5)}
    chosen |= {"SubscriptionIdentifier": st.lists(st.integers(1, 268_435_455), min_size=1, max_size=3)}
    made = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho
    for name, value in draw(st.fixed_dictionaries({}, optional=chosen)).items():
        setattr(made, name, value)
    return made


@given(
    st.sampled_from([0x30, 0x31, 0x32, 0x33, 0x3A, 0x3B, 0x34]),
    st.binary(max_size=300),
    st.integers(0, 65_535),
    properties_of_a_publish(),
    st.binary(max_size=2000),
)
def test_a_message_is_as_paho_makes_it_of_the_whole_packet(
    command: int, topic: bytes, mid: int, properties: Properties, payload: bytes
) -> None:
    head = text(topic) + (mid.to_bytes(2, "big") if command & 6 else b"")
    packet = bytearray(head + properties.pack() + payload)  # type: ignore[no-untyped-call]  # paho

    whole = decode_publish(command, packet, MQTTProtocolVersion.MQTTv5)
    message = mqtt_client.message_of(command, packet)
    assert message.properties is not None
    assert vars(message.properties) == vars(whole.properties)
    fields = message._topic, message.mid, message.qos, message.dup, message.retain, message.payload
    assert fields == (whole.topic, whole.mid, whole.qos, whole.dup, whole.retain, whole.payload)


@given(st.sampled_from([0x30, 0x32]), st.binary(max_size=60), st.binary(max_size=60))
def test_any_properties_leave_the_payload_as_it_is(command: int, properties: bytes, payload: bytes) -> None:
    message = mqtt_client.message_of(command, publish(properties, qos=command >> 1 & 3, payload=payload))

    assert (message.topic, message.payload) == ("json/é", payload)


@pytest.mark.parametrize(("packet_s", "packets"), [(0.0, mqtt_client.PACKETS_PER_TURN), (1.0, 1)])
def test_gives_way_after_some_packets_or_one_that_took_long(
    monkeypatch: pytest.MonkeyPatch, packet_s: float, packets: int
) -> None:
    async def scenario() -> int:
        client, read = Client(MqttBroker(), None, print, print, lambda: True), 0

        def loop_read() -> int:
            nonlocal read
            read += 1
            return paho.MQTT_ERR_SUCCESS

        monkeypatch.setattr(client._client, "loop_read", loop_read)
        monkeypatch.setattr(mqtt_client, "time", SimpleNamespace(monotonic=lambda: read * packet_s))
        client._read()
        return read

    assert asyncio.run(scenario()) == packets


@pytest.mark.parametrize(
    ("asked", "granted", "fault"),
    [
        (1, 1, None),
        (0, 0, None),
        (0, 1, None),
        (1, 0, "the broker grants json/# without acknowledgement; qos = 0 in the settings would accept that"),
        (1, 0x87, "the broker refuses json/#: not authorized"),
    ],
)
def test_a_subscription_that_would_lose_messages_is_none(asked: Literal[0, 1], granted: int, fault: str | None) -> None:
    wanted = Subscription(filter="json/#", source="json", qos=asked)
    with pytest.raises(Refused, match=fault) if fault else nullcontext():
        mqtt_client._check(wanted, granted, "not authorized")
