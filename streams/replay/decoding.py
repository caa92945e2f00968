"""Chunks of raw -> staged columns, in several processes: each chunk by itself, the answers in order."""

import gc
import os
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import connection, get_context, parent_process

from streams import log
from streams.replay.source import Chunk
from streams.replay.staging import Stager, merge
from streams.replay.store import Staged
from streams.replay.task import Registry, Task, read_registry

__all__ = ["Task", "decode"]

STAGE_ROWS, STAGE_S = 50_000, 2.0
"""so many rows are staged together, or what came in so many seconds"""
IN_FLIGHT = 3
"""chunks per process that wait, are decoded or have been decoded"""
BROKEN_LIMIT = 3
"""times that the same chunk may end its process"""
COLLECT_EVERY = (200_000, 20, 100)
"""Decoding makes no cycles, so the collector only costs: a quarter of the time with Python's own thresholds."""

logger = log.get("replay")


def decode(
    task: Task, chunks: Iterable[Chunk], processes: int, registry: Registry | None = None
) -> Iterator[tuple[Staged, dict[int, int]]]:
    """Staged columns, each with the checkpoint (raw partition -> offset to go on from) that they lead to.

    ``processes`` 0 decodes in this one. ``registry``: what to decode with; None: as the topics are now.

    Raises:
        ValueError: no generation has been opened, or a candidate cannot be used.
        RuntimeError: a chunk ends every process that decodes it.
        TimeoutError, KafkaException: the registry's topics cannot be read.
    """
    known = registry or read_registry(task.settings)
    if not known.generations:
        raise ValueError("no generation has been opened yet: the API opens the first one when it starts")
    stager = Stager(task, known)
    if processes:
        yield from _collected(_parallel(task, known, chunks, processes))
    else:
        with _seldom_collecting():
            yield from _collected((chunk, stager.stage(chunk)) for chunk in chunks)


def _collected(answers: Iterable[tuple[Chunk, Staged]]) -> Iterator[tuple[Staged, dict[int, int]]]:
    """Several chunks together, so that the store gets fewer and larger inserts."""
    together, checkpoint, since = Staged(), dict[int, int](), time.monotonic()
    for chunk, staged in answers:
        merge(together, staged)
        checkpoint[chunk.partition] = chunk.next
        if together.rows >= STAGE_ROWS or time.monotonic() - since >= STAGE_S:
            yield together, checkpoint
            together, checkpoint, since = Staged(), {}, time.monotonic()
    if checkpoint:
        yield together, checkpoint


def _parallel(
    task: Task, registry: Registry, chunks: Iterable[Chunk], processes: int
) -> Iterator[tuple[Chunk, Staged]]:
    pool = _Pool(task, registry, processes)
    try:
        for chunk in chunks:
            pool.submit(chunk)
            while pool.full:
                yield pool.result()
        while pool.waiting:
            yield pool.result()
    finally:
        pool.close()


class _Pool:
    """Processes that decode; when one is killed, all are made anew and get what had not been answered."""

    def __init__(self, task: Task, registry: Registry, processes: int) -> None:
        self._given, self._processes = (task, registry), processes
        self._executor = self._new_executor()
        self.waiting: deque[tuple[Chunk, Future[Staged]]] = deque()
        self._broken = 0

    @property
    def full(self) -> bool:
        """Whether to take an answer before more is submitted."""
        return len(self.waiting) >= self._processes * IN_FLIGHT

    def submit(self, chunk: Chunk) -> None:
        """Have it decoded."""
        try:
            self.waiting.append((chunk, self._executor.submit(_stage, chunk)))
        except BrokenProcessPool:
            self._renew([*(chunk for chunk, _ in self.waiting), chunk])

    def result(self) -> tuple[Chunk, Staged]:
        """The answer to the oldest chunk.

        Raises:
            RuntimeError: it ended its process again and again.
        """
        while True:
            chunk, future = self.waiting[0]
            try:
                staged = future.result()
            except BrokenProcessPool:
                self._renew([chunk for chunk, _ in self.waiting])
            else:
                self.waiting.popleft()
                self._broken = 0
                return chunk, staged

    def close(self) -> None:
        """End the processes; what is not answered is dropped."""
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _renew(self, chunks: list[Chunk]) -> None:
        self._broken += 1
        oldest = chunks[0]
        where = f"raw partition {oldest.partition}, offsets {oldest.first} to {oldest.next - 1}"
        if self._broken > BROKEN_LIMIT:
            raise RuntimeError(f"processes that decode end again and again at {where}")
        logger.warning("a decoding process ended; its work is done again", where=where)
        self._executor.shutdown(wait=True, cancel_futures=True)
        self._executor = self._new_executor()
        self.waiting = deque((chunk, self._executor.submit(_stage, chunk)) for chunk in chunks)

    def _new_executor(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(self._processes, get_context("spawn"), _begin, self._given)


_stager: list[Stager] = []
"""of a decoding process"""


def _begin(task: Task, registry: Registry) -> None:
    """A decoding process starts; it ends with the one that started it, also when that is killed."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    gc.freeze()
    gc.set_threshold(*COLLECT_EVERY)
    _stager[:] = [Stager(task, registry)]


def _stage(chunk: Chunk) -> Staged:
    return _stager[0].stage(chunk)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


@contextmanager
def _seldom_collecting() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(*COLLECT_EVERY)
    try:
        yield
    finally:
        gc.set_threshold(*before)
