"""The MQTT door: a message is acknowledged to the broker only when its record is durable.

Kafka away: unacknowledged messages wait here, up to Receive Maximum, and the broker holds the rest. Crash: the broker
sends again what was not acknowledged, so there are duplicates, never losses. Disconnecting is the only refusal in MQTT.
"""

import asyncio
import math
import re
import signal
import ssl
import time
from collections.abc import Callable, Iterator
from functools import lru_cache, partial

import aiomqtt
from paho.mqtt.client import MQTTMessage
from paho.mqtt.matcher import MQTTMatcher

from connectors.sources import door
from connectors.sources.backoff import Pauses
from connectors.sources.base import RawWriter
from connectors.sources.mqtt_acks import Acks, Message
from connectors.sources.mqtt_client import Client
from connectors.sources.receipt import receive
from streams import log, mqtt_filter, ops
from streams.core.records import RawRecord
from streams.metrics import ACK_SECONDS, ACKNOWLEDGED, CONNECTED, IGNORED, IN_PROCESS, RECEIVED
from streams.progress import HERE, Work
from streams.settings import MqttBroker, Settings, SettingsError, Subscription

LOG = log.get(__name__)

UNKNOWN = "unknown"
"""Source of a message that no subscription asked for, for example one of an earlier configuration's."""
CACHED_TOPIC_LIMIT = 400
"""Characters; of longer topics, which senders choose, thousands would be a gigabyte."""
STOP_S, SETTLE_S = 5.0, 5.0
FIRST_PAUSE_S, MOST_PAUSE_S, STEADY_S = 0.2, 3.0, 4.0
"""Of two clients with one name each lives as long as the other pauses: that is never steady."""


def run(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT.

    Raises:
        SettingsError: a subscription names an unknown source, or a TLS file cannot be used.
    """
    named = [
        (f"mqtt.brokers.{broker.name}: {one.filter}", one.source)
        for broker in settings.mqtt.brokers
        for one in broker.subscriptions
    ]
    door.check_sources(settings, named)
    contexts = {broker.name: tls_context(broker) for broker in settings.mqtt.brokers}
    door.run(_main(settings, contexts))


def tls_context(broker: MqttBroker) -> ssl.SSLContext | None:
    """What the settings say about TLS.

    Raises:
        SettingsError: a file is missing or no certificate.
    """
    if not broker.tls:
        return None
    try:
        context = ssl.create_default_context(cafile=broker.ca_file)
        if broker.cert_file:
            context.load_cert_chain(broker.cert_file, broker.key_file)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(f"mqtt.brokers.{broker.name}: TLS files: {error}") from error
    return context


class Reader:
    """Reads one broker into a writer; connects again for ever."""

    def __init__(self, broker: MqttBroker, tls: ssl.SSLContext | None, writer: RawWriter, name: str) -> None:
        self._broker, self._tls, self._writer, self._name = broker, tls, writer, name
        self._loop = asyncio.get_running_loop()
        self._acks = Acks()
        self._client: Client | None = None
        self._acknowledging = False
        self._listening_since = math.inf
        self._source = sources(broker)
        self._seconds = ACK_SECONDS.labels(name)
        self._listens(now=False)

    async def run(self) -> None:
        """Connect, read until the connection is lost, again; until cancelled."""
        pauses = Pauses(FIRST_PAUSE_S, MOST_PAUSE_S, STEADY_S)
        while True:
            await self._until_room()
            self._listening_since = math.inf
            reason = await self._session()
            pause = pauses.after(time.monotonic() - self._listening_since)
            LOG.warning("mqtt-away", broker=self._broker.name, reason=reason, retry_s=round(pause, 1))
            await asyncio.sleep(pause)

    def work(self) -> Work:
        """What the broker is to be told: it moves when something is acknowledged, or with a new connection."""
        return Work((self._acks.epoch, self._acks.taken), left=self._acks.unacknowledged > 0)

    async def _until_room(self) -> None:
        """A new connection would bring up to Receive Maximum messages once more."""
        while not self._writer.has_room():  # noqa: ASYNC110 - the writer's bound is no event; this is rare
            await asyncio.sleep(0.1)

    async def _session(self) -> str:
        """One connection, from connecting to why it ended."""
        client = Client(self._broker, self._tls, self._connected, self._received, self._writer.has_room)
        self._client = client
        try:
            async with client:
                await client.listen(self._broker.subscriptions)
                self._listens(now=True)
                try:
                    await client.lost()
                except asyncio.CancelledError:
                    await self._finish(client)
                    raise
        except (aiomqtt.MqttError, OSError, ValueError) as error:
            _raise_if_cancelled(error)
            return str(error)
        finally:
            self._client = None
            self._acks.disconnected()
            self._listens(now=False)
            client.abandon()
        return "the broker closed the connection"

    def _listens(self, *, now: bool) -> None:
        self.listening = now
        CONNECTED.labels(self._name, self._broker.name).set(int(now))
        if now:
            self._listening_since = time.monotonic()
            LOG.info("mqtt-connected", broker=self._broker.name, host=self._broker.host, port=self._broker.port)

    async def _finish(self, client: Client) -> None:
        """Read no more; acknowledge what becomes durable in the next seconds, so that it does not come again."""
        client.pause()
        deadline = time.monotonic() + STOP_S
        while self._acks.unacknowledged and time.monotonic() < deadline:  # noqa: ASYNC110 - once, at the end
            await asyncio.sleep(0.02)
        await client.settle(SETTLE_S)

    def _connected(self, session_present: bool) -> None:  # noqa: FBT001 - paho's flag
        self._acks.connected(session_present=session_present)

    def _received(self, message: MQTTMessage) -> None:
        topic = message._topic.decode("utf-8", "replace")
        source = self._source(topic)
        if source is None:
            self._leave(message, topic)
            return
        RECEIVED.labels(self._name, source).inc()
        record = raw_record(message, topic, source, self._name)
        if message.qos == 0:
            self._writer.submit(record, partial(ACKNOWLEDGED.labels(self._name, source).inc))
            return
        entry, new = self._acks.received(
            message.mid, topic, record.payload, dup=message.dup, source=source, at=record.received_at
        )
        if new:
            self._writer.submit(record, partial(self._done, entry))
        else:
            self._acknowledge_soon()

    def _leave(self, message: MQTTMessage, topic: str) -> None:
        """Acknowledge what a filter brought and its pattern does not want.

        That takes it from nobody: the broker keeps a copy for each subscriber. Unacknowledged it would come again, and
        fill Receive Maximum until nothing else came.
        """
        IGNORED.labels("mqtt", "not-ours").inc()
        if message.qos > 0:
            entry, _ = self._acks.received(message.mid, topic, bytes(message.payload), dup=message.dup)
            self._done(entry)

    def _done(self, entry: Message) -> None:
        self._acks.done(entry)
        self._acknowledge_soon()

    def _acknowledge_soon(self) -> None:
        """Once for all that becomes durable in this turn of the loop."""
        if not self._acknowledging:
            self._acknowledging = True
            self._loop.call_soon(self._acknowledge)

    def _acknowledge(self) -> None:
        self._acknowledging = False
        ready = self._acks.take() if self._client else []
        if not self._client or not ready:
            return
        self._client.acknowledge([message.mid for message in ready])
        now = time.time_ns()
        for message in ready:
            if message.source:
                self._seconds.observe(max(0, now - message.at) / 1e9)  # the clock may have been set back
                ACKNOWLEDGED.labels(self._name, message.source).inc()


def _raise_if_cancelled(error: Exception) -> None:
    """What went wrong with leaving does not keep the one that was told to leave.

    Raises:
        CancelledError: it was.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError from error


def sources(broker: MqttBroker) -> Callable[[str], str | None]:
    """Finds the source of a topic; the filters do not overlap, so there is one at most. None: it is not ours."""
    matcher = MQTTMatcher()  # type: ignore[no-untyped-call]  # paho
    for subscription in broker.subscriptions:
        matcher[mqtt_filter.plain(subscription.filter)] = subscription

    @lru_cache(maxsize=4096)
    def find(topic: str) -> str | None:
        found: Subscription | None = next(matcher.iter_match(topic), None)  # type: ignore[no-untyped-call]  # paho
        if found is None:
            return UNKNOWN
        return found.source if found.pattern is None or re.fullmatch(found.pattern, topic) else None

    return lambda topic: find(topic) if len(topic) <= CACHED_TOPIC_LIMIT else find.__wrapped__(topic)


def raw_record(message: MQTTMessage, topic: str, source: str, connector: str) -> RawRecord:
    """The record of a message; its flags are kept, never used to drop it."""
    properties = message.properties
    content_type = getattr(properties, "ContentType", "") if properties else ""
    return receive(
        source,
        "mqtt",
        topic,
        bytes(message.payload),
        headers=_headers(message),
        content_type=content_type,
        connector=connector,
    )


def _headers(message: MQTTMessage) -> Iterator[tuple[str, str]]:
    yield "qos", str(message.qos)
    yield "retain", str(int(message.retain))
    yield "dup", str(int(message.dup))
    if message.properties is None:  # they could not be read; a message without any has an empty set
        yield "properties", "unreadable"
    for name, value in getattr(message.properties, "UserProperty", ()):
        yield f"user:{name}", value


async def _main(settings: Settings, contexts: dict[str, ssl.SSLContext | None]) -> None:
    mqtt = settings.mqtt
    kafka = door.kafka_writer(settings, records=mqtt.max_in_process, megabytes=mqtt.max_in_process_mb)
    spooled = any(broker.spool for broker in mqtt.brokers)
    spool = door.spool_writer(settings, kafka, mqtt.name) if spooled else None
    IN_PROCESS.labels(mqtt.name).set_function(lambda: kafka.pending)
    readers = {
        broker.name: Reader(broker, contexts[broker.name], spool if spool and broker.spool else kafka, mqtt.name)
        for broker in mqtt.brokers
    }

    def ready() -> str | None:
        away = [f"MQTT broker {name} is away" for name, reader in readers.items() if not reader.listening]
        return away[0] if away else kafka.fault()

    for broker, reader in readers.items():
        HERE.watch(f"acknowledgements to {broker}", reader.work)
    dog = door.watched(settings, mqtt.name, kafka, spool)
    stop_serving = ops.serve(mqtt.health_port, host=settings.health.host, ready=ready, healthy=dog.fault)
    await _until_signal([asyncio.create_task(reader.run()) for reader in readers.values()])
    await (spool or kafka).close()
    stop_serving()


async def _until_signal(tasks: list[asyncio.Task[None]]) -> None:
    """Run the tasks until SIGTERM or SIGINT, then cancel them; one that fails ends all."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    stopping = asyncio.create_task(stop.wait())
    done, _ = await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
    for task in (stopping, *tasks):
        task.cancel()
    await asyncio.gather(stopping, *tasks, return_exceptions=True)
    for task in done:
        task.result()
