"""One worker process, seen from the parent: started, asked, watched, killed."""

import importlib.util
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import psutil

from streams.javascript.worker.pipe import LENGTHS

ROOT = Path(__file__).parents[2]
PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
from streams.javascript.worker.main import main
main(sys.argv[2], *map(int, sys.argv[3:]))
"""
START_S = 20.0
"""A worker is ready after 0.1 s; a machine under load may need longer."""
STALL_FACTOR, STALL_LEAST_S, STALL_LOADING_S = 5, 0.25, 1.5
"""The engine's limit is CPU time. A worker that took so many times of it since its last sign of life is stuck in something
native, where the engine does not look at the limit; wall time would blame a worker for a busy machine. The last is for a
codec that is being loaded, which may take a second."""
SILENCE_S = 30.0
"""A worker that neither answers nor works for so long is stuck as well."""
LOOK_S = 0.05


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Of one worker: CPU in ms per call, MB of heap per context, MB of all, codecs kept loaded."""

    ms: int = 100
    mb: int = 32
    budget_mb: int = 256
    kept: int = 500


class Died(Exception):
    """The worker ended, or was killed because it was stuck.

    ``busy``: it was at work all the while, so that no circumstance but the call itself can be the cause.
    """

    def __init__(self, *, stuck: bool, busy: bool = False) -> None:
        super().__init__("stuck" if stuck else "ended")
        self.stuck, self.busy = stuck, busy


class Wrong(Exception):
    """The worker refuses to start: this installation's engine does not keep to limits."""


class Worker:
    """A process that runs codecs, for one thread at a time."""

    def __init__(self, limits: Limits) -> None:
        """Starts it.

        Raises:
            Died: it did not come up.
            Wrong: its engine is not the one that it has to be.
            OSError: no process can be started.
        """
        self._stall = max(STALL_LEAST_S, STALL_FACTOR * limits.ms / 1000)
        self._allowed = self._stall
        self._process = subprocess.Popen(
            _command(limits), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            bufsize=0, cwd="/", env={"TZ": "UTC"}, close_fds=True, start_new_session=True,
        )  # fmt: skip
        self._known = psutil.Process(self._process.pid)
        self._in, self._out = (pipe.fileno() for pipe in (self._process.stdin, self._process.stdout) if pipe)
        os.set_blocking(self._in, False)
        os.set_blocking(self._out, False)
        self._received = b""
        self._worked: float | None = None
        header, _ = self._receive(START_S)
        if "fault" in header:
            self.close()
            raise Wrong(header["fault"])

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    def ask(self, header: dict[str, Any], calls: bytes) -> Iterator[tuple[dict[str, Any], bytes]]:
        """What the worker answers, group by group; the caller knows when all has come.

        Raises:
            Died: and with it what had not been answered.
        """
        head = msgspec.json.encode(header)
        self._allowed = self._stall
        self._send(LENGTHS.pack(len(head), len(calls)) + head + calls)
        while True:
            told, answers = self._receive(SILENCE_S)
            self._allowed = self._stall + STALL_LOADING_S * ("loading" in told)
            if told.keys() & {"count", "need"}:
                yield told, answers

    def close(self) -> None:
        """Ends the process; may be called again."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    def _send(self, data: bytes) -> None:
        left = memoryview(data)
        deadline, self._worked = time.monotonic() + SILENCE_S, None
        while left:
            try:
                left = left[os.write(self._in, left) :]
            except BlockingIOError:
                self._wait(self._in, select.POLLOUT, deadline)
            except OSError as error:
                self._end(stuck=False, error=error)

    def _receive(self, within: float) -> tuple[dict[str, Any], bytes]:
        deadline, self._worked = time.monotonic() + within, None
        head, body = LENGTHS.unpack(self._read(LENGTHS.size, deadline))
        return msgspec.json.decode(self._read(head, deadline)), self._read(body, deadline)

    def _read(self, length: int, deadline: float) -> bytes:
        parts, have = [self._received], len(self._received)
        while have < length:
            self._wait(self._out, select.POLLIN, deadline)
            try:
                part = os.read(self._out, 1 << 20)
            except BlockingIOError:
                continue
            if not part:
                self._end(stuck=False)
            parts.append(part)
            have += len(part)
        whole = b"".join(parts)
        self._received = whole[length:]
        return whole[:length]

    def _wait(self, stream: int, event: int, deadline: float) -> None:
        poll = select.poll()
        poll.register(stream, event)
        while not poll.poll(LOOK_S * 1000):
            if self._worked is None:  # looked up only now: it costs as much as reading several messages
                self._worked = self._cpu()
            busy = self._cpu() - self._worked > self._allowed
            if busy or time.monotonic() > deadline:
                self._end(stuck=True, busy=busy)

    def _cpu(self) -> float:
        """Seconds of CPU that the process has taken; 0 once it has ended."""
        try:
            times = self._known.cpu_times()
        except psutil.Error:
            return 0.0
        return float(times.user + times.system)

    def _end(self, *, stuck: bool, busy: bool = False, error: OSError | None = None) -> None:
        self.close()
        raise Died(stuck=stuck, busy=busy) from error


def _command(limits: Limits) -> list[str]:
    """``-I``: no environment variable and no directory of the user's takes part; ``-S``: nothing installed either."""
    found = importlib.util.find_spec("_quickjs")
    if found is None or found.origin is None:
        raise Wrong("quickjs-ng is not installed")
    numbers = (limits.ms, limits.mb, limits.budget_mb, limits.kept)
    return [sys.executable, "-I", "-S", "-c", PROGRAM, str(ROOT), found.origin, *map(str, numbers)]
