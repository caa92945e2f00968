"""Polls EagleIO: all nodes of the account, as they are now. Source: IoTa's ``ICT_EagleIO``."""

from connectors.sources.pollers.feed import Feed
from connectors.sources.pollers.fetch import Fetcher
from streams.poller_settings import EagleioPoller

SOURCE = "ict_eagleio"


class Eagleio:
    """See ``Poller``."""

    def __init__(self, settings: EagleioPoller, fetcher: Fetcher) -> None:
        assert settings.token is not None  # noqa: S101 - a poller without a token does not start
        self._url = f"{settings.url.rstrip('/')}/api/v1/nodes"
        self._headers = {"x-api-key": settings.token.get_secret_value(), "Accept": "application/json"}
        self._fetcher = fetcher

    async def poll(self, feed: Feed) -> None:
        """See ``Poller``."""
        body = await self._fetcher.ask(self._url, headers=self._headers)
        await feed.give(SOURCE, "nodes", body, address=self._url)
