"""The fleet's side of the real doors: MQTT QoS 1 and HTTP, patient as a good sender is."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Protocol

import aiomqtt
import httpx

from connectors import mqtt_writes
from connectors.simulator.fleet import Message
from streams.settings import MqttBroker

RETRY_S = 0.5
PASSING = (408, 429)
MANY = 1_000
"""aiomqtt warns of more calls under way than this"""


class Door(Protocol):
    """Sends one message and says whether it was acknowledged."""

    async def send(self, message: Message) -> bool:
        """True: acknowledged. False: refused for good.

        Raises:
            ConnectionError: nobody answered; send again.
        """


class HttpDoor:
    """POSTs to the webhook; what passes (408, 429, 503) and silence are worth another try, other refusals are final."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def send(self, message: Message) -> bool:
        """See Door."""
        try:
            answer = await self._client.post(
                message.address, content=message.payload, headers={"Content-Type": "application/json"}
            )
        except httpx.TransportError as error:
            raise ConnectionError(str(error)) from error
        if answer.status_code >= 500 or answer.status_code in PASSING:
            raise ConnectionError(f"answered {answer.status_code}")
        return answer.is_success


class MqttDoor:
    """Publishes with QoS 1 over one connection that is made again whenever it breaks."""

    def __init__(self, broker: MqttBroker) -> None:
        self._broker = broker
        self._client: asyncio.Future[aiomqtt.Client] = asyncio.get_running_loop().create_future()

    async def send(self, message: Message) -> bool:
        """See Door."""
        client = await asyncio.shield(self._client)
        try:
            await client.publish(message.address, message.payload, qos=1, timeout=10)
        except aiomqtt.MqttError as error:
            raise ConnectionError(str(error)) from error
        return True

    async def keep_connected(self) -> None:
        """Run beside the senders."""
        while True:
            with contextlib.suppress(aiomqtt.MqttError):
                await self._one_connection()
            if self._client.done():  # else senders already wait for it, and would wait for ever
                self._client = asyncio.get_running_loop().create_future()
            await asyncio.sleep(RETRY_S)

    async def _one_connection(self) -> None:
        password = self._broker.password.get_secret_value() if self._broker.password else None
        tls = aiomqtt.TLSParameters(ca_certs=str(self._broker.ca_file)) if self._broker.tls else None
        async with mqtt_writes.Client(
            self._broker.host, self._broker.port, username=self._broker.username, password=password, tls_params=tls
        ) as client:
            client.pending_calls_threshold = MANY
            self._client.set_result(client)
            async for _ in client.messages:  # nothing is subscribed: it ends with the connection
                pass


@contextlib.asynccontextmanager
async def opened(webhook_url: str, broker: MqttBroker) -> AsyncIterator[dict[str, Door]]:
    """Both doors, by transport."""
    limits = httpx.Limits(max_connections=64)
    async with httpx.AsyncClient(base_url=webhook_url, timeout=15, limits=limits) as client:
        mqtt = MqttDoor(broker)
        keeper = asyncio.create_task(mqtt.keep_connected())
        try:
            yield {"http": HttpDoor(client), "mqtt": mqtt}
        finally:
            keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await keeper
