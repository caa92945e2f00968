"""Requests answered: in groups, one by one when something went wrong, and always every call."""

import json
import struct
import time
from collections import OrderedDict
from itertools import accumulate
from typing import Any

from streams.javascript.worker.confinement import Memory
from streams.javascript.worker.engine import Broken, Codec, Engine, Loaded, first_line
from streams.javascript.worker.pipe import Pipe

SHARE = 0.25
"""of the limit is what a group of calls is meant to take, so that one call more does not end it"""
GROUP_LIMIT = 100


class Request:
    """Calls of one codec that have come, and how far they are answered."""

    def __init__(self, header: dict[str, Any], calls: bytes) -> None:
        self.count: int = header["count"]
        self.single: bool = header["single"]
        self.patience: int = header["patience"]
        self.calls: str | None = calls.hex()
        self.done = self.stuck = 0
        self._calls = calls
        self._bounds: list[int] = []

    def one(self) -> str:
        """The next call by itself, as a request of one."""
        numbers = struct.unpack_from(f"={4 * self.count}d", self._calls, 8)
        lengths = (int(payload + told) for payload, told in zip(numbers[::4], numbers[1::4], strict=True))
        self._bounds = self._bounds or list(accumulate(lengths, initial=8 + 32 * self.count))
        start, end = self._bounds[self.done : self.done + 2]
        its = numbers[4 * self.done : 4 * self.done + 4]
        return (struct.pack("=5d", 1, *its) + self._calls[start:end]).hex()


class Runner:
    """Answers requests; keeps the ``kept`` codecs used last, fewer when they take more than ``budget`` bytes."""

    def __init__(self, engine: Engine, pipe: Pipe, *, budget: int, kept: int) -> None:
        self._engine, self._pipe, self._budget, self._kept = engine, pipe, budget, kept
        self._codecs: OrderedDict[str, Codec] = OrderedDict()
        self._memory = Memory()

    def run(self, header: dict[str, Any], calls: bytes) -> None:
        """Answer every call of the request; or say that the codec's code is needed."""
        key = header["key"]
        if "code" in header:
            self._codecs[key] = Codec(header["code"], header["mode"], lenient=header["lenient"])
        elif key not in self._codecs:
            self._pipe.send({"need": True}, "")
            return
        self._codecs.move_to_end(key)
        codec, request = self._codecs[key], Request(header, calls)
        try:
            while request.done < request.count:
                self._group(codec, request)
        except Broken as broken:
            self._answer_rest(request, "codec-broken", str(broken))
        self._evict()

    def _group(self, codec: Codec, request: Request) -> None:
        """The next calls: as many as fit into a share of the limit; one by one once something went wrong."""
        if request.stuck >= request.patience:
            self._answer_rest(request, "codec-suspended", f"{request.stuck} calls in a row were cut")
        elif request.single or codec.mode == "fresh":
            self._one(codec, request)
        else:
            self._several(codec, request)

    def _several(self, codec: Codec, request: Request) -> None:
        loaded = codec.loaded = codec.loaded or self._load(codec)
        wanted = int(SHARE * self._engine.seconds / loaded.cost)
        size = max(1, min(GROUP_LIMIT, wanted, request.count - request.done))
        began = time.process_time()
        try:
            answers = loaded.step(request.calls, size)
        except self._engine.faults:
            codec.loaded, request.single = None, True
            return
        if not answers:
            codec.never_keep()
            return
        request.calls = None  # the context has them now
        loaded.cost = max(1e-6, 0.7 * loaded.cost + 0.3 * (time.process_time() - began) / size)
        self._answer(request, size, answers)

    def _one(self, codec: Codec, request: Request) -> None:
        loaded = codec.loaded or self._load(codec)
        codec.loaded = loaded if codec.mode != "fresh" else None
        try:
            answers = loaded.step(request.one(), 1)
        except self._engine.faults as error:
            codec.loaded = None
            reason, detail = self._fault(str(error))
            request.stuck += reason == "codec-timeout"
            self._answer(request, 1, _same(reason, detail, 1))
        else:
            if not answers:
                codec.never_keep()
                return
            request.stuck = 0
            self._answer(request, 1, answers)

    def _load(self, codec: Codec) -> Loaded:
        """Loading may take longer than a call: whoever watches is told."""
        self._pipe.send({"loading": True}, "")
        loaded = self._engine.load(codec)
        self._pipe.send({"loaded": True}, "")
        return loaded

    def _fault(self, error: str) -> tuple[str, str]:
        if "interrupted" in error:
            return "codec-timeout", f"more than {self._engine.seconds * 1000:g} ms"
        if "out of memory" in error or first_line(error) == "null":  # there was none for the error itself
            return "codec-memory", "more memory than a codec may have"
        return "codec-threw", first_line(error)

    def _answer_rest(self, request: Request, reason: str, detail: str) -> None:
        left = request.count - request.done
        self._answer(request, left, _same(reason, detail, left))

    def _answer(self, request: Request, count: int, answers: str) -> None:
        request.done += count
        self._pipe.send({"count": count}, answers)

    def _evict(self) -> None:
        while len(self._codecs) > self._kept or (len(self._codecs) > 1 and self._memory.used() > self._budget):
            self._codecs.popitem(last=False)


def _same(reason: str, detail: str, count: int) -> str:
    return json.dumps([[reason, detail]] * count)
