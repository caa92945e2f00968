"""Polls AxisTech: the rows since the oldest of the stations' newest times, in windows of a day at most.

Source: IoTa's ``axistech``. Rows come hours late, so that looking back is the rule; a window of a day keeps the message
of a station with a row every five minutes below the largest that there may be. Windows of days that are over begin and
end at midnight, so that an answer without news is the same answer.
"""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import pairwise

from msgspec.structs import replace

from connectors.sources.pollers.feed import Feed
from connectors.sources.pollers.fetch import Fetcher
from streams.core.times import DAY, SECOND
from streams.decoders.axistech import newest
from streams.poller_settings import AxisTechPoller

SOURCE = "axistech"


class AxisTech:
    """See ``Poller``."""

    def __init__(self, settings: AxisTechPoller, fetcher: Fetcher) -> None:
        assert settings.token is not None  # noqa: S101 - a poller without a token does not start
        self._url, self._token = settings.url, settings.token.get_secret_value()
        self._lookback, self._fetcher = settings.lookback_days * DAY, fetcher

    async def poll(self, feed: Feed) -> None:
        """See ``Poller``; a window that fails ends the poll, so that none is passed over."""
        now = time.time_ns()
        asked = windows(now, feed.cursors.get(SOURCE).times, self._lookback)
        for start, end in asked:
            params = {"token": self._token, "startDate": _text(start), "endDate": _text(end)}
            body = await self._fetcher.ask(self._url, params=params)
            headers = [(name, value) for name, value in params.items() if name != "token"]
            times = {code: at for code, at in newest(body).items() if at <= now}
            await feed.give(SOURCE, _text(start), body, address=self._url, headers=headers, times=times)
        self._forget(feed, {_text(start) for start, _ in asked})

    def _forget(self, feed: Feed, questions: set[str]) -> None:
        """Answers to windows that will not be asked for again."""
        cursor = feed.cursors.get(SOURCE)
        kept = {question: digest for question, digest in cursor.digests.items() if question in questions}
        if kept != cursor.digests:
            feed.cursors.advance(replace(cursor, digests=kept))


def windows(now: int, newest_times: Mapping[str, int], lookback: int) -> list[tuple[int, int]]:
    """What to ask for, oldest first: (start, end) in ns. A station that is silent for ``lookback`` holds up nothing."""
    earliest = (now - lookback) // DAY * DAY
    start = max(earliest, min((at for at in newest_times.values() if at <= now), default=earliest))
    edges = [start, *range((start // DAY + 1) * DAY, now, DAY), now]
    return list(pairwise(edges))


def _text(time_ns: int) -> str:
    return f"{datetime.fromtimestamp(time_ns // SECOND, UTC):%Y-%m-%dT%H:%M:%SZ}"
