"""Asks The Things Stack for the name and the place of devices that were created at their first uplink.

Runs beside the API's process and never holds up the registry: it asks for one device after another. A device that was
not answered for is asked for some times, and once more when the process starts again.
"""

import asyncio
import time
from collections.abc import Iterable
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx
import msgspec
from confluent_kafka import KafkaException
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from streams import log
from streams.core.records import PhysicalDevice
from streams.poller_settings import TtnApiSettings
from streams.registry.network_names import described, unasked
from streams.registry.state import PHYSICAL, Author, Change
from streams.registry.store import Role, Store, Unavailable

LOG = log.get(__name__)

FIELDS = "name,description,locations,attributes"
MOST_WAITING = 10_000
"""Devices; more wait for the next start."""
MOST_ANSWER_BYTES = 100_000
FIRST_WAIT_S, MOST_WAIT_S = 1.0, 60.0


class NoAnswer(Exception):
    """The network server does not say; never holds the token."""

    def __init__(self, what: str, *, passing: bool) -> None:
        super().__init__(what)
        self.passing = passing


class TtnNames:
    """Give it every change that the registry wrote of its own accord."""

    def __init__(self, settings: TtnApiSettings, store: Store) -> None:
        self._settings, self._store = settings, store
        self._waiting: asyncio.Queue[str] = asyncio.Queue(MOST_WAITING)

    def notice(self, changes: Iterable[Change]) -> None:
        """Have new devices asked for."""
        for change in changes:
            device = change.record
            if (
                change.topic == PHYSICAL
                and isinstance(device, PhysicalDevice)
                and device.created_at == device.changed_at
            ):
                self._ask_later(device)

    async def run(self) -> None:
        """Ask until cancelled; first for those that were never answered for."""
        if self._settings.url is None or self._settings.token is None:
            return
        await self._store.until(lambda: self._store.role is Role.WRITER)
        for device in self._store.state.physical.values():
            self._ask_later(device)
        headers = {"Authorization": f"Bearer {self._settings.token.get_secret_value()}", "Accept": "application/json"}
        async with httpx.AsyncClient(timeout=self._settings.timeout_s, headers=headers) as client:
            while True:
                await self._tell(client, await self._waiting.get())

    def _ask_later(self, device: PhysicalDevice) -> None:
        if self._settings.url is None or self._settings.token is None or not unasked(device):
            return
        try:
            self._waiting.put_nowait(device.device)
        except asyncio.QueueFull:
            LOG.warning("ttn-name-later", device=device.device, waiting=MOST_WAITING)

    async def _tell(self, client: httpx.AsyncClient, key: str) -> None:
        device = self._store.state.by_key(key)
        if device is None or not unasked(device):
            return
        attempts = AsyncRetrying(
            stop=stop_after_attempt(self._settings.attempts),
            wait=wait_random_exponential(FIRST_WAIT_S, MOST_WAIT_S),
            retry=retry_if_exception(_may_pass),
            reraise=True,
        )
        try:
            await attempts(self._once, client, device)
        except (NoAnswer, Unavailable, KafkaException) as fault:
            LOG.warning("ttn-name-unknown", device=key, fault=str(fault))

    async def _once(self, client: httpx.AsyncClient, device: PhysicalDevice) -> None:
        answer = await self._ask(client, device.source_ids["app_id"], device.source_ids["dev_id"])
        author = Author("isthmus", time.time_ns(), "The Things Stack's device registry")
        await self._store.change(partial(described, device=device.device, answer=answer, author=author))

    async def _ask(self, client: httpx.AsyncClient, application: str, device: str) -> dict[str, Any]:
        path = f"/api/v3/applications/{quote(application, safe='')}/devices/{quote(device, safe='')}"
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                answer = await client.get(
                    f"{(self._settings.url or '').rstrip('/')}{path}", params={"field_mask": FIELDS}
                )
        except (httpx.HTTPError, TimeoutError) as error:  # its text may hold a header's value
            raise NoAnswer(type(error).__name__, passing=True) from None
        if answer.status_code != HTTPStatus.OK:
            passing = answer.status_code == HTTPStatus.TOO_MANY_REQUESTS or answer.status_code >= 500
            raise NoAnswer(f"status {answer.status_code}", passing=passing)
        if len(answer.content) > MOST_ANSWER_BYTES:
            raise NoAnswer(f"more than {MOST_ANSWER_BYTES} bytes", passing=False)
        return _object(answer.content)


def _object(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # the last: nested too deeply
        raise NoAnswer("the answer is no JSON object", passing=False) from None


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, Unavailable) or (isinstance(error, NoAnswer) and error.passing)
