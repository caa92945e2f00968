"""Product processes without Python's start: each is forked from one process that has imported everything.

`python -m connectors.cli` takes about 2 s of CPU, for imports alone, before it does anything, and a test run starts hundreds.
What is forked runs the same module as ``__main__``, with arguments, environment, standard streams and an exit of its own.
Tests of the local stack start processes in the ordinary way, through the supervisor.
"""

import atexit
import gc
import os
import runpy
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import msgspec

HEADER = struct.Struct("!I")
IMPORTED = (
    "connectors.api.server",
    "connectors.replays.worker",
    "connectors.sinks.run",
    "connectors.sources.mqtt",
    "connectors.sources.pollers.run",
    "connectors.sources.webhook",
    "streams.agents.decode",
    "streams.agents.window",
    "httpcore",
)
"""Beside the command line. What is missing here is only slower."""


class Wanted(msgspec.Struct, frozen=True):
    """What a forked process is to be."""

    module: str
    arguments: list[str]
    environment: dict[str, str]
    directory: str


class Forked:
    """A forked process, handled as ``subprocess.Popen`` is: who forked it tells its exit status through a pipe."""

    def __init__(self, wanted: Wanted, pid: int, ended: int) -> None:
        self.args, self.pid, self._ended = [wanted.module, *wanted.arguments], pid, ended
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The exit status, minus the number of the signal that ended it; None while it runs."""
        if self.returncode is None and select.select([self._ended], [], [], 0)[0]:
            told = os.read(self._ended, 16)
            os.close(self._ended)
            assert told, "the process that forks has ended"
            self.returncode = int(told)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The exit status once it has ended.

        Raises:
            subprocess.TimeoutExpired: it runs on.
        """
        if self.returncode is None:
            select.select([self._ended], [], [], timeout)
        status = self.poll()
        if status is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return status

    def send_signal(self, number: int) -> None:
        """If it runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)


class Starter:
    """Asks the process that forks."""

    def __init__(self) -> None:
        self._channel, theirs = socket.socketpair()
        command = [sys.executable, "-m", __name__, str(theirs.fileno())]
        environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}  # only a process with one thread may be forked
        root = Path(__file__).parents[2]
        self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()], env=environment, cwd=root)
        theirs.close()
        self._one_at_a_time = threading.Lock()

    def start(
        self, module: str, arguments: Sequence[str], environment: Mapping[str, str], streams: Sequence[IO[bytes]]
    ) -> Forked:
        """`python -m MODULE ARGUMENTS`; ``streams`` are its stdin, stdout and stderr."""
        wanted = Wanted(module, list(arguments), dict(environment), os.getcwd())
        ended, tells = os.pipe()
        files = [stream.fileno() for stream in streams]
        body = msgspec.msgpack.encode(wanted)
        with self._one_at_a_time:
            socket.send_fds(self._channel, [HEADER.pack(len(body))], [*files, tells])
            self._channel.sendall(body)
            os.close(tells)
            (pid,) = HEADER.unpack(_exactly(self._channel, HEADER.size))
        return Forked(wanted, pid, ended)

    def close(self) -> None:
        """It ends when nobody can ask any more."""
        self._channel.close()
        self._process.wait()


@cache
def starter() -> Starter:
    """The one of this test run, started when it is first needed."""
    made = Starter()
    atexit.register(made.close)
    return made


def run(
    module: str, arguments: Sequence[str], environment: Mapping[str, str], stdin: str, timeout: float
) -> subprocess.CompletedProcess[str]:
    """A process that ends by itself, as ``subprocess.run`` would have it.

    Raises:
        subprocess.TimeoutExpired: it does not, and was killed.
    """
    with TemporaryFile() as given, TemporaryFile() as out, TemporaryFile() as err:
        given.write(stdin.encode())
        given.seek(0)
        process = starter().start(module, arguments, environment, (given, out, err))
        try:
            status = process.wait(timeout)
        finally:
            process.kill()
        out.seek(0), err.seek(0)
        return subprocess.CompletedProcess(process.args, status, out.read().decode(), err.read().decode())


def serve(channel: socket.socket) -> Wanted | None:
    """Fork what is asked for, tell how it ends; returns in each fork, and None at the end."""
    woken, wakes = os.pipe()
    os.set_blocking(wakes, False)
    signal.set_wakeup_fd(wakes)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    running: dict[int, int] = {}
    asked = channel.fileno()
    while True:
        ready, _, _ = select.select([asked, woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
            _tell(running)
        if asked in ready:
            header, files, _, _ = socket.recv_fds(channel, HEADER.size, 4)
            if not header:
                return None
            wanted = msgspec.msgpack.decode(_exactly(channel, *HEADER.unpack(header)), type=Wanted)
            pid = os.fork()
            if not pid:
                _become(wanted, files[:3], [*files, *running.values(), channel.detach(), woken, wakes])
                return wanted
            running[pid] = files.pop()
            for file in files:
                os.close(file)
            channel.sendall(HEADER.pack(pid))


def _tell(running: dict[int, int]) -> None:
    """How those that have ended since did so."""
    for pid in list(running):
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            tells = running.pop(pid)
            with suppress(BrokenPipeError):  # nobody wants to know any more
                os.write(tells, str(os.waitstatus_to_exitcode(status)).encode())
            os.close(tells)


def _become(wanted: Wanted, streams: Sequence[int], foreign: Sequence[int]) -> None:
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    for file in foreign:
        os.close(file)
    os.chdir(wanted.directory)
    os.environ.clear()
    os.environ.update(wanted.environment)
    time.tzset()
    sys.argv = ["", *wanted.arguments]


def _exactly(channel: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size:
        part = channel.recv(size - len(received))
        assert part, "the process that forks has ended"
        received += part
    return received


def _prepare() -> None:
    """Import everything, all that lazily is included."""
    import_module("connectors.cli.main").build()
    for name in IMPORTED:
        import_module(name)
    gc.collect()
    gc.freeze()
    assert threading.active_count() == 1, "only a process with one thread may be forked"


def main() -> None:
    """Serve the socket whose number is the first argument."""
    _prepare()
    wanted = serve(socket.socket(fileno=int(sys.argv[1])))
    if wanted is not None:
        runpy.run_module(wanted.module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
