"""Load through the real doors in the background: a seeded fleet whose every acknowledgement is in a ledger, and probes.

A probe is a message whose value is its number: the first one sent after a moment that the store shows tells how long
everything took to flow again.
"""

import asyncio
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from clickhouse_connect.driver.exceptions import Error as ClickHouseError

from connectors.simulator import fleet
from connectors.simulator.fleet import Message
from connectors.simulator.ledger import Ledger
from connectors.simulator.run import Drive, drive
from connectors.verify import store_side
from streams.core.identity import series_id
from streams.core.times import SECOND
from tests.faults.world import World

PROBES_PER_S = 4
SILENT_S = 3.0
"""as many messages as come in that time have no acknowledgement where none is given"""
PATIENCE_S = 300.0
"""longer than anything takes that recovers, also beside others on a slow machine; then something is not coming back"""


class Mixed:
    """Further messages among the fleet's, one after every so many of those, until they end."""

    def __init__(self, messages: Iterator[Message], every: int) -> None:
        self._messages, self._every = messages, every
        self._turns = 0
        self.ended = False

    def next(self) -> Iterator[Message]:
        """What goes after one more of the fleet's."""
        self._turns += 1
        if self._turns % self._every == 0:
            found = next(self._messages, None)
            self.ended = found is None
            yield from () if found is None else (found,)


class Book(Ledger):
    """A ledger that also knows through which doors it was acknowledged."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.through: Counter[str] = Counter()

    def write(self, message: Message, *, acknowledged: bool, tries: int, refused: bool = False) -> None:
        """See Ledger."""
        super().write(message, acknowledged=acknowledged, tries=tries, refused=refused)
        self.through[message.transport] += acknowledged


class Load:
    """What is being sent. ``rate``: messages of the fleet per second. Its probes are its own: another load has others."""

    def __init__(self, world: World, seed: int, rate: float, options: fleet.Options | None = None) -> None:
        self.world, self.rate = world, rate
        self._stop = threading.Event()
        self._options = options or fleet.Options(seed=seed, start=time.time_ns(), interval=int(SECOND / rate))
        self._probes: dict[str, list[float]] = {"mqtt": [], "http": []}
        self._mixed: list[Mixed] = []
        self._unique = time.time_ns()
        self.book = Book(world.directory / f"ledger-{self._unique}.ndjson")

    @property
    def devices(self) -> list[fleet.Device]:
        """The fleet's boxes."""
        return fleet.devices(self._options)

    def also(self, messages: Iterator[Message], every: int = 1) -> Mixed:
        """Mix further messages in, one after every so many of the fleet's, until they end."""
        self._mixed.append(Mixed(messages, every))
        return self._mixed[-1]

    def through(self, *mixed: Mixed) -> None:
        """Wait until all of these have been sent."""
        deadline = time.monotonic() + PATIENCE_S
        while not all(messages.ended for messages in mixed):
            if time.monotonic() > deadline:
                raise TimeoutError(f"not all that was to be mixed in was sent in {PATIENCE_S:.0f} s")
            time.sleep(0.05)

    def more(self, count: int, kind: str = "") -> None:
        """Wait until so many more (of a kind) are acknowledged."""
        before, deadline = self._acknowledged(kind), time.monotonic() + PATIENCE_S
        while (found := self._acknowledged(kind) - before) < count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{found} of {count} {kind} were acknowledged in {PATIENCE_S:.0f} s")
            time.sleep(0.05)

    def silent(self, door: str, seconds: float = SILENT_S) -> bool:
        """Whether that door acknowledges nothing for so long."""
        before = self.book.through[door]
        time.sleep(seconds)
        return self.book.through[door] == before

    @property
    def acknowledged(self) -> int:
        """So far."""
        return self._acknowledged("")

    def _acknowledged(self, kind: str) -> int:
        return self.book.acknowledged[kind] if kind else self.book.acknowledged.total()

    def run(self) -> None:
        """Send until ``stop``, and return when everything is acknowledged or given up."""
        settings = self.world.settings
        how = Drive(
            rate=self.rate, count=10**9,
            webhook_url=f"http://127.0.0.1:{settings.webhook.port}", broker=settings.mqtt.brokers[0],
        )  # fmt: skip
        with self.book:
            asyncio.run(drive(self._messages(), how, self.book))

    def stop(self) -> None:
        """Send nothing new."""
        self._stop.set()

    def recovery(self, since: float, *doors: str, within_s: float = PATIENCE_S) -> float:
        """Seconds from ``since`` (unix time) until the store showed a probe that was sent later, of each door named."""
        return max(self._fresh(door, since, within_s) for door in doors or tuple(self._probes)) - since

    def delays(self, seconds: float, door: str = "mqtt") -> list[float]:
        """Of every probe that is sent in this time: seconds until the store showed it. Sorted."""
        first, until = len(self._probes[door]), time.time() + seconds
        found: list[float] = []
        while len(found) < len(sent := [at for at in self._probes[door][first:] if at < until]) or time.time() < until:
            if time.time() > until + PATIENCE_S:
                raise TimeoutError(f"{len(sent) - len(found)} of {len(sent)} probes through {door} have no row")
            seen = self._shown(door) - first
            found += [time.time() - at for at in sent[len(found) : max(0, seen)]]
            time.sleep(0.05)
        return sorted(found)

    def _fresh(self, door: str, since: float, within_s: float) -> float:
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            first = next((n for n, at in enumerate(self._probes[door]) if at > since), None)
            if first is not None and self._shown(door) > first:
                return time.time()
            time.sleep(0.2)
        raise TimeoutError(f"no row of a probe through {door} within {within_s:.0f} s")

    def _shown(self, door: str) -> int:
        """How many probes of a door the store has, up to the newest."""
        asked = f"SELECT max(value) FROM points WHERE series_id = {series_id(f'json:{self._prober(door)}', 'n')}"
        with suppress(ClickHouseError):
            client = store_side.connect(self.world.settings.clickhouse)
            (newest,) = client.query(asked).result_rows[0]
            client.close()
            return 0 if newest is None else round(newest) + 1
        return 0

    def _prober(self, door: str) -> str:
        return f"probe-{door}-{self._unique}"

    def _messages(self) -> Iterator[Message]:
        turns = self._turns()
        for message in fleet.messages(self._options):
            if self._stop.is_set():
                return
            yield message
            for door in next(turns):
                yield self._probe(door)
            for mixed in self._mixed:
                yield from mixed.next()

    def _turns(self) -> Iterator[list[str]]:
        """The doors of probes after each message: each once in a while, at any place of it. A steady beat would go with that of the
        sink's batches, and all delays be those of one moment between two of them."""
        rng, length = random.Random(self._options.seed), max(1, round(self.rate / PROBES_PER_S * len(self._probes)))
        while True:
            chosen = {door: rng.randrange(length) for door in self._probes}
            for place in range(length):
                yield [door for door, at in chosen.items() if at == place]

    def _probe(self, door: str) -> Message:
        sent, now, device = self._probes[door], time.time_ns(), self._prober(door)
        body = json.dumps({"device": device, "time": now, "values": {"n": len(sent)}}).encode()
        sent.append(now / SECOND)
        address = {"mqtt": f"json/{device}", "http": "/webhooks/json"}[door]
        return Message(now, "probe", f"json:{device}", "json", door, address, body)


@contextmanager
def sending(load: Load) -> Iterator[Load]:
    """Send in the background; at the end wait until all is acknowledged or given up."""
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(load.run)
        try:
            yield load
        finally:
            load.stop()
        running.result(150)
