"""A poller's process: `isthmus run poller NAME`."""

import asyncio
import signal
import time
from collections.abc import Callable, Coroutine
from typing import Protocol

from connectors.sources import door
from connectors.sources.backoff import delays
from connectors.sources.base import Full
from connectors.sources.pollers.axistech import AxisTech
from connectors.sources.pollers.cursors import Cursors
from connectors.sources.pollers.feed import Feed
from connectors.sources.pollers.fetch import MOST_WAIT_S, Fault, Fetcher
from connectors.sources.pollers.greenbrain import GreenBrain
from connectors.sources.pollers.ict_eagleio import Eagleio
from streams import log, ops
from streams.metrics import POLLED, POLLS
from streams.poller_settings import PollersSettings
from streams.progress import HERE, Work
from streams.settings import Settings, SettingsError

LOG = log.get(__name__)

FIRST_RETRY_S = 5.0
RECORDS = 1_000
"""A poller holds one answer at a time; more wait only while Kafka is away."""


class Poller(Protocol):
    """Asks one API for what is new."""

    async def poll(self, feed: Feed) -> None:
        """Ask once for everything, and give every answer to the feed; may be cancelled and called again.

        Raises:
            Fault: something was not answered; what was is kept.
            Full: an answer could not be made durable.
        """


Make = Callable[[PollersSettings, Fetcher], Poller]
POLLERS: dict[str, Make] = {
    "ict_eagleio": lambda settings, fetcher: Eagleio(settings.ict_eagleio, fetcher),
    "greenbrain": lambda settings, fetcher: GreenBrain(settings.greenbrain, fetcher),
    "axistech": lambda settings, fetcher: AxisTech(settings.axistech, fetcher),
}


def run(settings: Settings, name: str) -> None:
    """Run until SIGTERM or SIGINT.

    Raises:
        SettingsError: there is no such poller, or it has no credentials.
    """
    if name not in POLLERS:
        raise SettingsError(f"there is no poller {name}; there are {', '.join(POLLERS)}")
    if name not in settings.pollers.enabled:
        raise SettingsError(f"pollers.{name} has no credentials: see `isthmus settings --example`")
    door.check_sources(settings, [(f"pollers.{name}", name)])
    door.run(_main(settings, name))


async def _main(settings: Settings, name: str) -> None:
    pollers, connector = settings.pollers, f"poller-{name}"
    kafka = door.kafka_writer(settings, records=RECORDS, megabytes=4 * pollers.max_answer_mb)
    spool = door.spool_writer(settings, kafka, connector) if pollers.spool else None
    cursors = Cursors(settings.kafka, name)

    def ready() -> str | None:
        if not cursors.loaded:
            return "the cursors are not read yet"
        return None if spool and spool.takes_over() else kafka.fault()

    dog = door.watched(settings, connector, kafka, spool)
    stop_serving = ops.serve(pollers.health_port, host=settings.health.host, ready=ready, healthy=dog.fault)
    writer = spool or kafka
    feed = Feed(name, connector, writer, cursors)
    try:
        async with Fetcher(pollers) as fetcher:
            rounds = Rounds(lambda: fetcher.attempts, pollers.timeout_s + MOST_WAIT_S)
            HERE.watch(f"polls of {name}", rounds.work)
            await _until_told(_poll_for_ever(POLLERS[name](pollers, fetcher), feed, _period(pollers, name), rounds))
    finally:
        await feed.finish()
        await cursors.close()
        await writer.close()
        stop_serving()


class Rounds:
    """Polls that began and ended. One that asks on is not stuck, nor is one attempt within ``attempt_s``."""

    def __init__(
        self, attempts: Callable[[], int], attempt_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._attempts, self._attempt_s, self._clock = attempts, attempt_s, clock
        self._ended, self._under_way = 0, False
        self._seen, self._since = (0, 0), clock()

    def begin(self) -> None:
        """A poll begins."""
        self._under_way = True

    def end(self) -> None:
        """It succeeded, or failed."""
        self._ended, self._under_way = self._ended + 1, False

    def work(self) -> Work:
        """For the watchdog."""
        at = self._ended, self._attempts()
        if at != self._seen or not self._under_way:
            self._seen, self._since = at, self._clock()
        return Work(at, left=self._under_way and self._clock() - self._since > self._attempt_s)


async def _poll_for_ever(poller: Poller, feed: Feed, period_s: float, rounds: Rounds) -> None:
    rounds.begin()
    await feed.cursors.load()
    retries = delays(min(FIRST_RETRY_S, period_s), period_s)
    while True:
        started = time.monotonic()
        rounds.begin()
        try:
            await poller.poll(feed)
        except (Fault, Full) as fault:
            pause = next(retries)
            POLLS.labels(feed.source, "failed").inc()
            LOG.warning("poll-failed", poller=feed.source, fault=str(fault), retry_s=round(pause, 1))
        else:
            retries = delays(min(FIRST_RETRY_S, period_s), period_s)
            pause = max(0.0, period_s - (time.monotonic() - started))
            POLLED.labels(feed.source).set(time.time())
        rounds.end()
        await asyncio.sleep(pause)


async def _until_told(polling: Coroutine[None, None, None]) -> None:
    """Poll until SIGTERM or SIGINT; a mistake of ours ends the process, and its supervisor starts it again."""
    task, told = asyncio.create_task(polling), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    stopping = asyncio.create_task(told.wait())
    await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if task.done():
        task.result()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _period(settings: PollersSettings, name: str) -> float:
    period: float = getattr(settings, name).period_s
    return period
