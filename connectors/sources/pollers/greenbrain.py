"""Polls Green Brain: per account log in, list the sensor groups, ask each for its latest values.

Source: IoTa's ``GreenBrain``. A token that is no longer accepted is renewed; the list is asked for with each poll, so
that new stations appear (IoTa kept the first list for ever). A group or account that fails does not keep the others.
"""

from collections.abc import AsyncIterator, Iterator
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from connectors.sources.pollers.feed import Feed
from connectors.sources.pollers.fetch import Fault, Fetcher
from streams import log
from streams.decoders.greenbrain import LATITUDE, LONGITUDE
from streams.metrics import POLLS
from streams.poller_settings import GreenBrainAccount, GreenBrainPoller

LOG = log.get(__name__)

SOURCE = "greenbrain"
T = TypeVar("T")


class Group(msgspec.Struct, frozen=True):
    """A sensor group in an account's list."""

    id: int | str


class Station(msgspec.Struct, frozen=True, rename={"groups": "sensorGroups"}):
    """A station, and where it stands."""

    groups: list[Group] = []
    latitude: Any = None
    longitude: Any = None


class System(msgspec.Struct, frozen=True):
    """A site."""

    stations: list[Station] = []


class Bootstrap(msgspec.Struct, frozen=True):
    """The account's list."""

    systems: list[System]


class Login(msgspec.Struct, frozen=True):
    """The answer to a login."""

    token: str


class GreenBrain:
    """See ``Poller``."""

    def __init__(self, settings: GreenBrainPoller, fetcher: Fetcher) -> None:
        self._accounts = [_Session(settings.url.rstrip("/"), account, fetcher) for account in settings.accounts]

    async def poll(self, feed: Feed) -> None:
        """See ``Poller``."""
        faults = [fault for session in self._accounts async for fault in session.poll(feed)]
        for fault in faults[1:]:
            POLLS.labels(SOURCE, "failed").inc()
            LOG.warning("poll-failed", poller=SOURCE, fault=str(fault))
        if faults:
            raise faults[0]


class _Session:
    """One account, logged in when it must be."""

    def __init__(self, url: str, account: GreenBrainAccount, fetcher: Fetcher) -> None:
        self._url, self._account, self._fetcher = url, account, fetcher
        self._token: str | None = None

    async def poll(self, feed: Feed) -> AsyncIterator[Fault]:
        """Give the latest of every sensor group; yields what failed."""
        try:
            address = f"{self._url}/bootstrap"
            stations = list(_stations(_read(address, await self._get(address), Bootstrap)))
        except Fault as fault:
            yield fault
            return
        for station, group in stations:
            address = f"{self._url}/sensor-groups/{quote(str(group.id), safe='')}/latest"
            try:
                body = await self._get(address)
            except Fault as fault:
                yield fault
            else:
                place = [(LATITUDE, station.latitude), (LONGITUDE, station.longitude)]
                headers = [(name, str(value)) for name, value in place if value is not None]
                await feed.give(f"{SOURCE}:{group.id}", "latest", body, address=address, headers=headers)

    async def _get(self, address: str) -> bytes:
        """Ask; with a new token when the old one is refused."""
        if self._token is not None:
            try:
                return await self._fetcher.ask(address, headers=_headers(self._token))
            except Fault as fault:
                if fault.status != HTTPStatus.UNAUTHORIZED:
                    raise
        self._token = None
        self._token = await self._log_in()
        return await self._fetcher.ask(address, headers=_headers(self._token))

    async def _log_in(self) -> str:
        address = f"{self._url}/auth/login"
        login = {"username": self._account.username, "password": self._account.password.get_secret_value()}
        return _read(address, await self._fetcher.ask(address, method="POST", json=login), Login).token


def _headers(token: str) -> dict[str, str]:
    return {"Authorization": f"bearer {token}", "Accept": "application/json"}


def _stations(found: Bootstrap) -> Iterator[tuple[Station, Group]]:
    for system in found.systems:
        for station in system.stations:
            yield from ((station, group) for group in station.groups)


def _read(address: str, body: bytes, kind: type[T]) -> T:
    """What steers the poller itself must be readable; latest values need not."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # the last: nested too deeply
        raise Fault(address, "an answer of another shape", HTTPStatus.UNPROCESSABLE_ENTITY) from None
