"""Raw records into topic `raw`; what Kafka refuses for good goes to the diversion and `dead-letters`."""

import asyncio
import time
from collections import deque
from itertools import count

from confluent_kafka import KafkaError, KafkaException
from msgspec import Struct

from connectors.sources.base import Done, Full, Key, settle
from connectors.sources.diversion import Diversion
from connectors.sources.kafka_clock import KafkaClock
from connectors.sources.kafka_line import Line, Reports, answers
from streams import avro, kafka, log
from streams.core.records import DeadLetter, RawRecord
from streams.metrics import DIVERTED
from streams.progress import HERE, Work
from streams.settings import KafkaSettings

LOG = log.get(__name__)

REFUSED = {
    KafkaError.MSG_SIZE_TOO_LARGE: "too-large",
    KafkaError.RECORD_LIST_TOO_LARGE: "too-large",
    KafkaError.INVALID_MSG_SIZE: "too-large",
    KafkaError.INVALID_MSG: "refused",
    KafkaError.INVALID_RECORD: "refused",
}
"""Errors that lie in the record itself: sending it again would never help."""

RETRY_S = 0.5
AWAY_S = 2.0
STUCK_S = 60.0
"""A producer that confirms nothing for so long although Kafka answers is stuck (librdkafka #4736, #5301)."""
LOOK_S = 5.0
"""Between two looks whether Kafka answers: it may just be back, and who is not stuck finds it in that time."""


class Limits(Struct, frozen=True):
    """How much a process may hold that is not durable yet."""

    records: int = 20_000
    bytes: int = 268_435_456


DEFAULT_LIMITS = Limits()


class _Pending(Struct):
    """A record on its way: to `raw`, or as a ``letter`` to `dead-letters`."""

    record: RawRecord
    done: Done
    key: str
    letter: DeadLetter | None = None
    diverting: bool = False


class KafkaWriter:
    """A RawWriter. ``write`` gives up after ``confirm_s``; what it gave up may still arrive, as a duplicate."""

    def __init__(
        self,
        settings: KafkaSettings,
        diversion: Diversion,
        key: Key,
        *,
        limits: Limits = DEFAULT_LIMITS,
        confirm_s: float = 8,
    ) -> None:
        self._settings, self._diversion, self._key, self._limits = settings, diversion, key, limits
        self._confirm_s = confirm_s
        self._loop = asyncio.get_running_loop()
        self.clock = KafkaClock()
        self._line = Line(settings, self.clock, self._delivered)
        self._tokens, self._bytes = count(), 0
        self._pending: dict[int, _Pending] = {}
        self._unsent: deque[int] = deque()
        self._suspects: deque[int] = deque()
        self._suspect: int | None = None
        self._diversions: set[asyncio.Task[None]] = set()
        self._closed = self._renewing = self._away = False
        self._progress = time.monotonic()
        self._idle = asyncio.Event()
        self._watching = [self._loop.create_task(one) for one in (self._watch(), self._replace_stuck())]

    @property
    def pending(self) -> int:
        """Records taken and not durable yet."""
        return len(self._pending)

    def work(self) -> Work:
        """What Kafka is to confirm: it moves when the oldest record does. Asked from any thread."""
        oldest = next(iter(list(self._pending)), None)
        return Work(oldest, left=oldest is not None)

    def oldest_s(self) -> float:
        """For how long the oldest record has been waiting since it was received, also while it was spooled."""
        received = min((pending.record.received_at for pending in list(self._pending.values())), default=None)
        return 0.0 if received is None else (time.time_ns() - received) / 1e9

    def has_room(self) -> bool:
        """Whether another record may be taken."""
        return len(self._pending) < self._limits.records and self._bytes < self._limits.bytes

    def fault(self) -> str | None:
        """What keeps the producer from sending records; blocks for up to a second, for the health thread."""
        return self._line.fault("raw")

    def submit(self, record: RawRecord, done: Done) -> None:
        """See RawWriter."""
        self._take(_Pending(record, done, self._keyed(record)))

    def tell(self, letter: DeadLetter, done: Done) -> None:
        """Send a letter about what is no record; else as ``submit``."""
        stand_in = _stand_in(letter)
        self._take(_Pending(stand_in, done, stand_in.address, letter))

    async def write(self, record: RawRecord) -> None:
        """See RawWriter."""
        if not self.has_room():
            raise Full("too many records wait for Kafka")
        durable: asyncio.Future[None] = self._loop.create_future()
        self.submit(record, lambda: settle(durable))
        try:
            async with asyncio.timeout(self._confirm_s):
                await durable
        except TimeoutError:
            raise Full(f"Kafka did not confirm within {self._confirm_s:g} s") from None

    def renew(self) -> None:
        """Start over with a new producer and send again what is unconfirmed.

        An idempotent producer does not survive a fatal error, nor may what it had in flight be counted on.
        """
        self._renewing = False
        self._progress = time.monotonic()
        self._line.retire()
        self._line = Line(self._settings, self.clock, self._delivered)
        self._unsent.clear()
        self._suspects.clear()
        self._suspect = None
        for token, pending in list(self._pending.items()):
            if not pending.diverting:
                self._send(token)

    async def close(self) -> None:
        """See RawWriter; waits for ``confirm_s`` at most."""
        if self._closed:
            return
        self._closed = True
        if self._pending:
            self._idle.clear()
            try:
                async with asyncio.timeout(self._confirm_s):
                    await self._idle.wait()
            except TimeoutError:
                LOG.warning("closed-unconfirmed", records=len(self._pending))
        for task in (*self._watching, *self._diversions):
            task.cancel()
        await self._line.close()

    def _take(self, pending: _Pending) -> None:
        if self._closed:
            raise Full("closed")
        token = next(self._tokens)
        if not self._pending:
            self._progress = time.monotonic()
        self._pending[token] = pending
        self._bytes += _size(pending.record)
        self._send(token)

    def _keyed(self, record: RawRecord) -> str:
        """A body that will be diverted for its size is not parsed: that may take seconds, in which the loop stands."""
        if len(record.payload) > self._settings.max_record_bytes:
            return record.address
        return self._key(record) or record.address

    def _send(self, token: int) -> None:
        pending = self._pending.get(token)
        if pending is None:
            return
        topic, what = ("dead-letters", pending.letter) if pending.letter else ("raw", pending.record)
        try:
            self._line.send(token, topic, pending.key, avro.encode(what))
        except BufferError:
            self._unsent.append(token)
        except KafkaException as error:
            self._failed(token, error.args[0], itself=True)

    def _delivered(self, line: Line, reports: Reports) -> None:
        for token, error in reports:
            alone = token == self._suspect
            if alone:
                self._suspect = None
            if error is None:
                self._confirmed(token)
            elif line is self._line:
                self._failed(token, error, itself=alone)
        self._try_suspect()
        for _ in range(len(self._unsent)):
            self._send(self._unsent.popleft())

    def _confirmed(self, token: int) -> None:
        pending = self._pending.pop(token, None)
        if pending is None:
            return
        self._progress = time.monotonic()
        self._bytes -= _size(pending.record)
        pending.done()
        if not self._pending:
            self._idle.set()

    def _failed(self, token: int, error: KafkaError, *, itself: bool) -> None:
        """``itself``: the error is about this record, not about the batch that it was in."""
        pending = self._pending.get(token)
        if pending is None or self._renewing:
            return
        if kafka.is_over(error):
            LOG.warning("producer-renewed", error=error.str(), unconfirmed=len(self._pending))
            self._renewing = True
            self._loop.call_later(RETRY_S, self.renew)
        elif error.code() in REFUSED and pending.letter is None and not itself:
            self._suspects.append(token)
        elif error.code() in REFUSED and pending.letter is None:
            task = self._loop.create_task(self._divert(token, pending, error))
            self._diversions.add(task)
            task.add_done_callback(self._diversions.discard)
        else:
            HERE.waits(f"Kafka refuses records: {error.str()}")
            self._say_away(error.str())
            self._loop.call_later(RETRY_S, self._send, token)

    def _try_suspect(self) -> None:
        """A batch was refused: send its records one by one, so that only the culprit is diverted."""
        if self._suspect is None and self._suspects:
            self._suspect = self._suspects.popleft()
            self._send(self._suspect)

    async def _divert(self, token: int, pending: _Pending, error: KafkaError) -> None:
        pending.diverting = True
        pending.letter = await self._diversion.keep(pending.record, REFUSED[error.code()], error.str())
        DIVERTED.labels(pending.record.connector).inc()
        pending.diverting = False
        self._send(token)

    async def _watch(self) -> None:
        """Say once that Kafka is away and once that it is back."""
        while True:
            await asyncio.sleep(AWAY_S / 4)
            silent_s = time.monotonic() - self._progress
            if not self._pending or silent_s < AWAY_S:
                self._say_back()
            else:
                self._say_away("no answer")

    async def _replace_stuck(self) -> None:
        """Renew a producer that confirms nothing although Kafka answers, and did at the look before."""
        stuck: float | None = None
        while True:
            await asyncio.sleep(LOOK_S)
            before, stuck = stuck, await self._stuck_since()
            if stuck is not None and before == stuck == self._progress:
                LOG.warning("producer-stuck", unconfirmed=len(self._pending))
                self.renew()

    async def _stuck_since(self) -> float | None:
        """When Kafka confirmed something last, if that is long ago although it answers and has something to confirm."""
        last = self._progress
        if time.monotonic() - last < STUCK_S or all(pending.diverting for pending in self._pending.values()):
            return None
        return last if await asyncio.to_thread(answers, self._settings, "raw") else None

    def _say_away(self, error: str) -> None:
        if not self._away:
            self._away = True
            LOG.warning("kafka-away", servers=self._settings.bootstrap_servers, error=error, waiting=len(self._pending))

    def _say_back(self) -> None:
        if self._away:
            self._away = False
            LOG.info("kafka-back", servers=self._settings.bootstrap_servers)


def _size(record: RawRecord) -> int:
    """Bytes, near enough: a sender may say more in topic and headers than in the payload."""
    headers = sum(len(name) + len(value) for name, value in record.headers.items())
    return len(record.payload) + len(record.address) + headers


def _stand_in(letter: DeadLetter) -> RawRecord:
    """For what asks a pending one for its record."""
    address = letter.body or letter.reason
    return RawRecord(id="", source="", transport="file", address=address, received_at=letter.at, payload=b"")
