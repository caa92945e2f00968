"""Workers, and what is asked of them: every call gets an answer, whatever a codec does to the process that runs it."""

import atexit
import json
import os
import struct
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Literal

import msgspec

from streams import log, progress
from streams.core.codec import Call, Unable
from streams.core.message import Sender
from streams.core.names import NAME_LIMIT
from streams.javascript.patience import DEVICE_LIMIT, Patience
from streams.javascript.process import Died, Limits, Worker, Wrong
from streams.javascript.told import CRASHED, STUCK, SUSPENDED, Answer, is_suspended, parse

Mode = Literal["wrapped", "plain", "fresh"]
"""How a codec gets a clean world for each message: its file is run again inside a function; not at all, for codecs that keep
nothing; in a new context."""

CHUNK_CALLS, CHUNK_BYTES = 100, 65_536
PAYLOAD_LIMIT = 8_192
"""bytes; no radio sends more, and each takes 16 bytes of the codec's memory"""
START_AGAIN_S = (0.0, 0.1, 0.3, 1.0, 3.0)
NO_LIMIT = 1_000_000_000

TOO_LONG = ("payload-too-long", f"more than {PAYLOAD_LIMIT} bytes")

logger = log.get("javascript")


class Program(msgspec.Struct, frozen=True):
    """A codec as a worker runs it; ``key`` is the same for the same code and manner.

    ``lenient``: an object without data, errors and warnings counts as the data, and so does an array. ``knows_sender``: it is
    told whose message it is.
    """

    key: str
    code: str
    mode: Mode = "wrapped"
    lenient: bool = False
    knows_sender: bool = False


class Sandbox:
    """Runs programs in ``workers`` processes, which start when they are first needed. For any number of threads."""

    def __init__(self, limits: Limits | None = None, workers: int = 1) -> None:
        slots = [_Slot(limits or Limits()) for _ in range(workers)]
        self._slots, self._free = slots, SimpleQueue[_Slot]()
        for slot in slots:
            self._free.put(slot)
        self._threads = ThreadPoolExecutor(workers, "javascript") if workers > 1 else None
        self._patience, self._noting = Patience(), threading.Lock()

    def run(self, program: Program, calls: Sequence[Call], *, patient: bool = False) -> list[Answer]:
        """One answer per call, in order. ``patient``: a codec that is cut again and again is never left alone.

        Raises:
            Unable: no worker can be started; nothing is known about the calls.
        """
        answers: list[Answer] = [TOO_LONG] * len(calls)
        places = [place for place, call in enumerate(calls) if len(call.payload) <= PAYLOAD_LIMIT]
        chunks = list(_chunks(calls, places))
        several = self._threads.map if self._threads and len(chunks) > 1 else map
        for chunk, its in zip(
            chunks, several(lambda c: self._chunk(program, calls, c, patient=patient), chunks), strict=True
        ):
            for place, answer in zip(chunk, its, strict=True):
                answers[place] = answer
        return answers

    def close(self) -> None:
        """Ends the workers; a later call starts them again."""
        for slot in self._slots:
            slot.close()

    @property
    def pids(self) -> list[int]:
        """The workers that run."""
        return [slot.pid for slot in self._slots if slot.pid]

    def _chunk(self, program: Program, calls: Sequence[Call], chunk: list[int], *, patient: bool) -> list[Answer]:
        if patient:
            with self._slot() as slot:
                return slot.answer(program, [calls[place] for place in chunk], NO_LIMIT)
        answers: dict[int, Answer] = dict.fromkeys(chunk, SUSPENDED)
        left, waiting = self._borne(program, calls, chunk)
        with self._slot() as slot:
            while waiting:
                told = slot.answer(program, [calls[place] for place in waiting], min(left, DEVICE_LIMIT))
                known = dict(zip(waiting, told, strict=True))
                for place in [
                    place for place, answer in known.items() if type(answer) is tuple and is_suspended(answer)
                ]:
                    del known[place]
                answers.update(known)
                self._note(program, calls, known)
                left, waiting = self._borne(program, calls, [place for place in waiting if place not in known])
        return list(answers.values())

    def _note(self, program: Program, calls: Sequence[Call], known: dict[int, Answer]) -> None:
        with self._noting:
            if self._patience.has_strikes or any(type(answer) is tuple for answer in known.values()):
                self._patience.note(program.key, [(calls[place].sender.device, told) for place, told in known.items()])

    def _borne(self, program: Program, calls: Sequence[Call], chunk: list[int]) -> tuple[int, list[int]]:
        with self._noting:
            left = self._patience.left(program.key)
            if not self._patience.has_strikes:
                return left, chunk
            bears = self._patience.bears
            return left, [place for place in chunk if left and bears(program.key, calls[place].sender.device)]

    @contextmanager
    def _slot(self) -> Iterator["_Slot"]:
        slot = self._free.get()
        try:
            yield slot
        finally:
            self._free.put(slot)


class _Slot:
    """Room for one worker: it is started when needed, and again when it died. One thread at a time."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._worker: Worker | None = None

    @property
    def pid(self) -> int:
        """Of the worker; 0: none runs."""
        return self._worker.pid if self._worker else 0

    def close(self) -> None:
        """End the worker."""
        worker, self._worker = self._worker, None
        if worker:
            worker.close()

    def answer(self, program: Program, calls: Sequence[Call], patience: int) -> list[Answer]:
        """One answer per call.

        After a worker died, calls are made one by one: the one that ends a worker again is the culprit, and the others
        wait, because each such call costs a good part of a second. A call that was alone and kept its worker busy is it at once.
        """
        answers: list[Answer] = []
        single = False
        while len(answers) < len(calls):
            before = len(answers)
            try:
                self._ask(program, calls[before:], answers, single=single, patience=patience)
            except Died as died:
                self._worker = None
                logger.warning("a worker for JavaScript ended", codec=program.key, stuck=died.stuck)
                alone = single or (died.busy and before + 1 == len(calls))
                if alone and len(answers) == before:
                    answers.append(STUCK if died.stuck else CRASHED)
                    if patience < NO_LIMIT:
                        answers += [SUSPENDED] * (len(calls) - len(answers))
                single = True
        return answers

    def _ask(
        self, program: Program, calls: Sequence[Call], answers: list[Answer], *, single: bool, patience: int
    ) -> None:
        worker = self._worker = self._worker or self._start()
        wanted = len(answers) + len(calls)
        header = {"key": program.key, "count": len(calls), "single": single, "patience": patience}
        code = {"code": program.code, "mode": program.mode, "lenient": program.lenient}
        body = packed(calls, knows_sender=program.knows_sender)
        for asked in (header, header | code):
            for told, group in worker.ask(asked, body):
                if "need" in told:
                    break
                answers += parse(group, told["count"])
                progress.HERE.beat()
                if len(answers) >= wanted:
                    return

    def _start(self) -> Worker:
        fault: Exception | None = None
        for pause in START_AGAIN_S:
            time.sleep(pause)
            try:
                return Worker(self._limits)
            except Wrong as error:
                raise Unable(str(error)) from error
            except (Died, OSError) as error:
                fault = error
        raise Unable(f"no worker for JavaScript starts: {fault}") from fault


def _told(who: Sender) -> bytes:
    """What this raw record says of its sender, and nothing else, so that a replay tells the same."""
    device = {
        "source_name": who.device.partition(":")[0],
        "name": who.name or "",
        "source_ids": who.source_ids,
        "application": who.application[:NAME_LIMIT],
        "profile": who.profile[:NAME_LIMIT],
        "model": who.model[:NAME_LIMIT],
    }
    return json.dumps([device, who.tags]).encode()


def shared(limits: Limits, workers: int) -> Sandbox:
    """The sandbox of this process with these limits."""
    key = (os.getpid(), limits, workers)
    with _making:
        if key not in _shared:
            _shared[key] = Sandbox(limits, workers)
            atexit.register(_shared[key].close)
        return _shared[key]


_shared: dict[tuple[int, Limits, int], Sandbox] = {}
_making = threading.Lock()


def packed(calls: Sequence[Call], *, knows_sender: bool = False) -> bytes:
    """As ``worker`` describes it."""
    numbers, parts = [float(len(calls))], list[bytes]()
    for call in calls:
        payload, told = call.payload, _told(call.sender) if knows_sender else b""
        numbers += len(payload), len(told), call.port, call.time // 1_000_000
        parts += payload, told
    return struct.pack(f"={len(numbers)}d", *numbers) + b"".join(parts)


def _chunks(calls: Sequence[Call], places: Sequence[int]) -> Iterator[list[int]]:
    chunk: list[int] = []
    size = 0
    for place in places:
        length = len(calls[place].payload)
        if chunk and (len(chunk) >= CHUNK_CALLS or size + length > CHUNK_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(place)
        size += length
    if chunk:
        yield chunk
