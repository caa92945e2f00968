"""What a broker passes on and paho refuses is stored and acknowledged, once, and takes nothing of its neighbours."""

import socket
from contextlib import closing
from pathlib import Path

import pytest

from tests.stack import doors
from tests.stack.harness import Installation, eventually
from tests.stack.test_mqtt_door import door, received, start

CONNACK, PUBACK = 0x20, 0x40


class Publisher:
    """Speaks MQTT 5 on a bare socket: no client library encodes what this one sends."""

    def __init__(self, installation: Installation) -> None:
        self._socket = socket.create_connection(("127.0.0.1", installation.stack.mqtt_port), 30)
        self._file = self._socket.makefile("rb")
        self._send(packet(0x10, text("MQTT") + b"\5\2\0\0" + b"\0" + text(f"{installation.unique}-odd")))
        assert self._type() == CONNACK

    def publish(self, topic: str, messages: list[tuple[bytes, bytes]]) -> bool:
        """Send (properties, payload) pairs as one write; whether the broker acknowledges all of them."""
        self._send(
            b"".join(
                packet(0x32, text(topic) + number.to_bytes(2, "big") + bytes([len(properties)]) + properties + payload)
                for number, (properties, payload) in enumerate(messages, 1)
            )
        )
        return all(self._type() == PUBACK for _ in messages)

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def _send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def _type(self) -> int | None:
        """The type of the next packet, None when the broker has closed the connection."""
        head = self._file.read(2)
        if len(head) < 2:
            return None
        self._file.read(head[1])
        return head[0] & 0xF0


def packet(first: int, body: bytes) -> bytes:
    assert len(body) < 128, "its length is one byte"
    return bytes([first, len(body)]) + body


def text(value: str) -> bytes:
    encoded = value.encode()
    return len(encoded).to_bytes(2, "big") + encoded


# Netty's codec in Artemis cures or refuses the others that tests/connectors/sources/test_mqtt_client.py knows.
ODD = {
    "feff-user": b"\x26" + text("unit") + text("\ufeff"),
    "feff-content": b"\x03" + text("\ufefftext/plain"),
    "feff-response": b"\x08" + text("\ufeffanswers"),
    "nul-user": b"\x26" + text("a\0b") + text("x"),
    "nul-content": b"\x03" + text("a\0b"),
    "format-2": b"\x01\x02",
}


@pytest.mark.parametrize("odd", ODD)
def test_stores_a_message_with_odd_properties_once_and_goes_on(
    installation: Installation, tmp_path: Path, odd: str
) -> None:
    at, topic = door(installation), f"{installation.unique}/json/odd"
    process = start(at, tmp_path)
    before, after = [(b"", b"before %d" % number) for number in range(5)], [(b"", b"after")]

    with closing(Publisher(installation)) as publisher:
        assert publisher.publish(topic, [*before, (ODD[odd], b"odd"), *after])
    doors.publish(at, [(topic, b"later")])

    expected = [payload for _, payload in (*before, *after)] + [b"odd", b"later"]
    eventually(lambda: b"later" in {record.payload for record in doors.raw(at)})
    assert process.stop() == 0
    found = received(at, len(expected))
    assert sorted(record.payload for record in found) == sorted(expected)
    unreadable = [record.payload for record in found if record.headers.get("properties") == "unreadable"]
    assert unreadable == [b"odd"]
    assert "mqtt-away" not in process.log.read_text()
