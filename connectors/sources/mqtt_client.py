"""aiomqtt's client with what it does not offer: manual acknowledgement, an own receiver, and pausing.

aiomqtt has no manual ack (its issue 345), so the inner paho client is used; both versions are pinned.
One client serves one connection: its queue and packet ids would survive into the next one.
"""

import asyncio
import ssl
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

import aiomqtt
import paho.mqtt.client as paho
from paho.mqtt._packet import decode_publish
from paho.mqtt.enums import MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.exception import MalformedPacket
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties, VariableByteIntegers
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from connectors import mqtt_writes
from streams.settings import MqttBroker, Subscription

PUBACK = 0x40
PUBACK_HEAD = bytes((PUBACK, 2))
REFUSED = 0x80
READ_BYTES = 262_144
PACKETS_PER_TURN, TURN_S = 100, 0.1
MOST_PROPERTIES = 65_536
"""bytes: paho takes a second or more for so many, and four times as long for twice as many"""
ROOM_S = 0.02
GOODBYE_S = 1.0
"""who is asked to end has other things to do than to wait for a broker that takes nothing any more"""
NO_FILTER = "isthmus/none"
"""nobody subscribes to it"""


class Refused(aiomqtt.MqttError):
    """The broker does not grant a subscription."""


class Client(mqtt_writes.Client):
    """One connection. ``connected(session_present)`` and ``received(message)`` are called on the event loop."""

    def __init__(
        self,
        broker: MqttBroker,
        tls: ssl.SSLContext | None,
        connected: Callable[[bool], None],
        received: Callable[[paho.MQTTMessage], None],
        has_room: Callable[[], bool],
    ) -> None:
        super().__init__(
            broker.host,
            broker.port,
            identifier=broker.client_id,
            username=broker.username,
            password=broker.password.get_secret_value() if broker.password else None,
            protocol=aiomqtt.ProtocolVersion.V5,
            clean_start=False,
            keepalive=broker.keepalive_s,
            properties=_connect_properties(broker),
            tls_context=tls,
        )
        self._session, self._has_room = connected, has_room
        self._reading, self._ending = True, False
        self._buffer = _Buffer(self._client._sock_recv)
        self._client._sock_recv = self._buffer.receive  # type: ignore[method-assign]  # three calls per packet otherwise
        self._handle_publish = self._client._handle_publish
        self._client._handle_publish = self._handle_any_publish  # type: ignore[method-assign]
        # Both before connecting: messages may follow the CONNACK at once.
        self._client.manual_ack_set(on=True)
        self._client.on_message = lambda _client, _userdata, message: received(message)

    async def listen(self, subscriptions: Iterable[Subscription]) -> None:
        """Subscribe; retained messages come only with a new subscription.

        Raises:
            aiomqtt.MqttError: the broker is away or refuses.
        """
        for subscription in subscriptions:
            options = SubscribeOptions(qos=subscription.qos, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB)
            for code in await self.subscribe(subscription.filter, options=options):
                _check(subscription, code if isinstance(code, int) else code.value, str(code))

    async def lost(self) -> None:
        """Wait until the connection ends.

        Raises:
            aiomqtt.MqttError: it did not end on purpose.
        """
        await asyncio.shield(self._disconnected)  # who is cancelled here leaves a connection that lives

    def acknowledge(self, mids: list[int]) -> None:
        """Send PUBACKs in this order, as one write, at once if the socket takes it."""
        packets = b"".join(PUBACK_HEAD + mid.to_bytes(2, "big") for mid in mids)
        self._client._packet_queue(PUBACK, packets, 0, 1)
        self._write()

    def pause(self) -> None:
        """Read no more; TCP makes the broker wait."""
        self._ending = True
        self._hold()

    async def settle(self, within_s: float) -> None:
        """Wait until the broker has dealt with what it was sent: it takes a subscription back in its turn.

        A ping would not do: Artemis answers it before the acknowledgements that it has read, and drops those when the
        connection ends. What comes now is not ours any more; without an acknowledgement it comes again.
        """
        self._client.on_message = None
        self._ending = False
        self._go_on()
        settling = asyncio.ensure_future(self.unsubscribe(NO_FILTER, timeout=within_s))
        await asyncio.wait([settling, self._disconnected], return_when=asyncio.FIRST_COMPLETED)
        settling.cancel()
        await asyncio.gather(settling, return_exceptions=True)
        self.timeout = GOODBYE_S

    def _on_socket_open(self, client: paho.Client, userdata: Any, sock: Any) -> None:
        super()._on_socket_open(client, userdata, sock)
        self._loop.call_soon_threadsafe(self._watch_reads, sock)

    def _watch_reads(self, sock: Any) -> None:
        now = self._client.socket()
        if now is not None and now is sock:
            self._loop.add_reader(now, self._read)

    def _read(self) -> None:
        """Handle what has come, packet by packet, giving way to others after some, or after one that took long."""
        self._buffer.blocked = False
        until = time.monotonic() + TURN_S
        try:
            for _ in range(PACKETS_PER_TURN):
                if not self._reading or self._client.loop_read() != paho.MQTT_ERR_SUCCESS or self._buffer.blocked:
                    return
                if not self._has_room():
                    self._hold()
                    self._loop.call_later(ROOM_S, self._go_on)
                if time.monotonic() > until:
                    break
        except Exception as error:  # noqa: BLE001 - as in aiomqtt: whatever it is, the connection is over
            self._fail(error)
            return
        self._loop.call_soon(self._read)

    def _handle_any_publish(self) -> MQTTErrorCode:
        """Also one whose properties paho refuses and the broker did not: unacknowledged it would end every connection."""
        command, packet = self._client._in_packet["command"], self._client._in_packet["packet"]
        message = message_of(command, packet)
        if message.qos > 1 and message.properties is not None:
            return self._handle_publish()  # nobody subscribes to it here: the answer is paho's
        self._client._handle_on_message(message)
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def _hold(self) -> None:
        self._reading = False
        sock = self._client.socket()
        if sock is not None:
            self._loop.remove_reader(sock)

    def _go_on(self) -> None:
        """Read again, once there is room."""
        sock = self._client.socket()
        if sock is None or self._ending:
            return
        if not self._has_room():
            self._loop.call_later(ROOM_S, self._go_on)
            return
        self._reading = True
        self._watch_reads(sock)
        self._loop.call_soon(self._read)

    def _on_connect(
        self,
        client: paho.Client,
        userdata: Any,
        flags: paho.ConnectFlags,
        reason_code: ReasonCode,
        properties: Properties | None = None,
    ) -> None:
        if not reason_code.is_failure:
            self._session(flags.session_present)
        super()._on_connect(client, userdata, flags, reason_code, properties)


class _Buffer:
    """Reads the socket in large pieces and hands out what paho asks for; ``blocked`` when there was nothing more."""

    def __init__(self, receive: Callable[[int], bytes]) -> None:
        self._receive, self._data, self._at, self.blocked = receive, b"", 0, False

    def receive(self, bufsize: int) -> bytes:
        if self._at >= len(self._data):
            self._data, self._at = self._refill(bufsize), 0
        piece = self._data[self._at : self._at + bufsize]
        self._at += len(piece)
        return piece

    def _refill(self, size: int) -> bytes:
        try:
            return self._receive(max(size, READ_BYTES))
        except BlockingIOError:
            self.blocked = True
            raise


def _check(wanted: Subscription, granted: int, told: str) -> None:
    if granted >= REFUSED:
        raise Refused(f"the broker refuses {wanted.filter}: {told}")
    if granted < wanted.qos:
        raise Refused(
            f"the broker grants {wanted.filter} without acknowledgement; qos = 0 in the settings would accept that"
        )


def message_of(command: int, packet: bytes | bytearray) -> paho.MQTTMessage:
    """The message of a PUBLISH, given as its first byte and what follows its length; properties that are not read are None.

    paho is given the head alone: for each property it copies all that is left of what it is given, several times.

    Raises:
        MalformedPacket: it ends before its properties do.
    """
    qos = command >> 1 & 3
    topic_end = 2 + int.from_bytes(packet[:2], "big")
    start = topic_end + (2 if qos else 0)
    end = _properties_end(packet, start)
    message = paho.MQTTMessage(int.from_bytes(packet[topic_end:start], "big"), bytes(packet[2:topic_end]))
    message.qos, message.dup, message.retain = qos, bool(command & 8), bool(command & 1)
    message.payload = bytes(memoryview(packet)[end:])
    if end - start <= MOST_PROPERTIES:
        with suppress(MalformedPacket):
            message.properties = decode_publish(command, packet[:end], MQTTProtocolVersion.MQTTv5).properties
    return message


def _properties_end(packet: bytes | bytearray, start: int) -> int:
    length, size = VariableByteIntegers.decode(packet[start : start + 4])  # type: ignore[no-untyped-call]  # paho
    end: int = start + size + length
    if end > len(packet):
        raise MalformedPacket("Not enough data for the properties")
    return end


def _connect_properties(broker: MqttBroker) -> Properties:
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho
    properties.SessionExpiryInterval = broker.session_expiry_s
    properties.ReceiveMaximum = broker.receive_maximum
    return properties
