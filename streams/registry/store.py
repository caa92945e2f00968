"""The registry of one process: its state, and the way to change it.

One asyncio loop owns the state, so readers need no lock: the reader's thread hands every batch over to the loop. Changes go
one after another; each is decided on the folded state, written in one transaction, and answered when it was folded.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from enum import StrEnum
from functools import partial
from typing import Any, ParamSpec, TypeVar

from confluent_kafka import KafkaException

from streams import kafka, log, metrics, progress
from streams.registry import history
from streams.registry.election import Election
from streams.registry.reader import Reader
from streams.registry.state import RECORDS, Change, Command, State
from streams.registry.writer import Unwritten, Writer
from streams.settings import KafkaSettings

FOLD_S, OFFICE_S = 15, 10

P = ParamSpec("P")
T = TypeVar("T")

logger = log.get("registry")


class Role(StrEnum):
    """What this process may do: nobody knows yet, another process writes, it writes."""

    CANDIDATE = "candidate"
    FOLLOWER = "follower"
    WRITER = "writer"


class Unavailable(Exception):
    """The registry cannot answer now: Kafka is away, it is not read yet, or another process writes. Try again."""


class Store:
    """Reads the registry's topics; writes them when elected. Use from one asyncio loop only."""

    def __init__(self, settings: KafkaSettings, member: str) -> None:
        self.state, self.role, self.folded = State(), Role.CANDIDATE, False
        self.member = member
        """This process's name among those that stand for election."""
        self.error: str | None = None
        """Why the registry can no longer be read; the process should end."""
        self._settings = settings
        self._next: Mapping[str, int] = {}
        self._writer: Writer | None = None
        self._turn, self._moved, self._closing = asyncio.Lock(), asyncio.Event(), False
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._reader = Reader(settings, self._hand_over(self._fold), self._hand_over(self._fail))
        self._unfollow: Callable[[], None] = lambda: None
        self._election = Election(settings, member, self._hand_over(self._elect), self._hand_over(self._depose))

    def start(self) -> None:
        """Begin to read, then to stand for election; Kafka need not be there yet."""
        self._unfollow = progress.HERE.follow("registry", self.positions)
        self._reader.start()
        self._spawn(self._stand())

    async def stop(self) -> None:
        """Finish the change under way, then leave."""
        self._closing = True
        self._unfollow()
        self._wake()
        async with self._turn:
            self._depose()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.to_thread(self._election.stop)
        await asyncio.to_thread(self._reader.stop)

    def positions(self) -> Mapping[str, int]:
        """How far each topic, as the cluster calls it, has been folded. Asked from any thread."""
        folded = self._next
        return {kafka.topic(self._settings, name): folded.get(name, 0) for name in RECORDS}

    @property
    def ready(self) -> bool:
        """Whether the registry is read and it is known who writes."""
        return self.folded and self.error is None and self.role is not Role.CANDIDATE

    async def change(self, command: Command) -> Sequence[Change]:
        """Decide, write, and return what was written, when this process reads it back.

        Raises:
            Refused: the command says no; nothing was written.
            Unavailable: not written, or not known to be: look again.
        """
        async with self._turn:
            writer = await self._office()
            changes = command(self.state)
            if changes:
                written = [*changes, *history.recorded(self.state, changes)]
                await _to_its_end(self._spawn(self._write(writer, written)))
            return changes

    async def until(self, holds: Callable[[], bool], timeout_s: float | None = None) -> None:
        """Wait until ``holds``, looking whenever something was folded or the role changed.

        Raises:
            TimeoutError: it did not in time.
        """
        async with asyncio.timeout(timeout_s):
            while not holds():
                await self._moved.wait()

    async def _office(self) -> Writer:
        try:
            await self.until(lambda: self.role is not Role.CANDIDATE or self._closing, OFFICE_S)
        except TimeoutError as error:
            raise Unavailable("No process can write the registry now.") from error
        if self._closing:
            raise Unavailable("This process ends.")
        if self._writer is None or self._writer.broken:
            raise Unavailable("Another process writes the registry.")
        return self._writer

    async def _write(self, writer: Writer, changes: Sequence[Change]) -> None:
        try:
            ends = await asyncio.to_thread(writer.write, changes)
            await self.until(partial(self._reached, ends), FOLD_S)
        except (Unwritten, TimeoutError) as error:
            logger.warning("change not confirmed", fault=str(error), records=len(changes))
            writer.close()
            if writer is self._writer:  # else it lost its office meanwhile, and who has it now is not for it to say
                self._depose()
            raise Unavailable("The change is not known to be written.") from error
        metrics.REGISTRY_CHANGES.inc(len(changes))

    async def _stand(self) -> None:
        """Read to the end once, before anything is answered or any office taken."""
        while not self.folded:
            await self.until(lambda: bool(self._next))
            try:
                ends = await asyncio.to_thread(self._reader.ends)
                await self.until(partial(self._reached, ends))
                self.folded = True
            except KafkaException:
                await asyncio.sleep(0.1)
        logger.info("registry read", physical=len(self.state.physical), logical=len(self.state.logical))
        self._election.start()

    async def _take_office(self, writer: Writer) -> None:
        """Write only after everything that earlier writers committed has been read."""
        try:
            ends = await asyncio.to_thread(self._reader.ends)
            await self.until(partial(self._reached, ends), FOLD_S)
        except (KafkaException, TimeoutError) as error:
            logger.warning("cannot take office", fault=str(error))
            writer.close()
            return
        if not writer.broken:
            self._writer = writer
            self._become(Role.WRITER)

    def _reached(self, ends: Mapping[str, int]) -> bool:
        return all(self._next.get(topic, -1) >= end for topic, end in ends.items())

    def _fold(self, changes: list[Change], position: Mapping[str, int]) -> None:
        for change in changes:
            self.state.apply(change)
        self._next = position
        self._wake()

    def _elect(self, writer: Writer | None) -> None:
        if writer is None:
            self._become(Role.FOLLOWER)
        else:
            self._spawn(self._take_office(writer))

    def _depose(self) -> None:
        self._writer = None
        self._become(Role.CANDIDATE)

    def _fail(self, error: str) -> None:
        self.error = error
        self._wake()

    def _become(self, role: Role) -> None:
        if role is not self.role:
            logger.info("registry role", role=str(role))
        self.role = role
        metrics.REGISTRY_WRITER.set(role is Role.WRITER)
        self._wake()

    def _wake(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()

    def _hand_over(self, take: Callable[P, None]) -> Callable[P, None]:
        """``take`` for other threads: it runs in the loop; a loop that has ended takes nothing more."""

        def hand_over(*args: P.args, **_: P.kwargs) -> None:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(take, *args)

        return hand_over

    def _spawn(self, work: Coroutine[None, None, T]) -> asyncio.Task[T]:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def _to_its_end(work: asyncio.Task[None]) -> None:
    """Wait for work that cannot be cut short. A caller that is cancelled goes only then: others wait their turn for the end.

    Raises:
        Unavailable: as the work says.
    """
    gone: asyncio.CancelledError | None = None
    while not work.done():
        try:
            await asyncio.wait({work})
        except asyncio.CancelledError as cancelled:
            gone = cancelled
    if gone is not None:
        raise gone from work.exception()
    work.result()
