"""The life of one process under supervision: wait, start, watch, start again, stop."""

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from deploy.local import ledger, logs, probe
from deploy.local.plan import Process
from deploy.local.status import ProcessStatus, State

FIRST_DELAY_S = 0.1
LONGEST_DELAY_S = 10.0
KILLED_AFTER_S, ENDED_AFTER_S = 2.0, 20.0
"""A process that served this long starts again without delay: one that was killed soon, one that ended by itself later."""
TASK_ATTEMPTS = 3
PROBE_S = 0.1
SETTLE_S = 0.2
"""A process without a probe counts as ready when it has lived this long."""
WATCH_S = 2.0
NOT_STARTED = 127
"""the exit status that a shell gives then"""

logger = logging.getLogger(__name__)


class Delays:
    """Seconds before the next start: twice as many each time, until a life was good."""

    def __init__(self) -> None:
        self._next = FIRST_DELAY_S

    def after(self, served_s: float, exit_status: int) -> float:
        """The delay after a life in which the process was ready for so long; a signal's number is negative."""
        enough = KILLED_AFTER_S if exit_status < 0 else ENDED_AFTER_S
        delay = FIRST_DELAY_S if served_s > enough else self._next
        self._next = min(delay * 2, LONGEST_DELAY_S)
        return delay


class Unit:
    """Keeps one process of the plan as it should be."""

    def __init__(self, process: Process, directory: Path, working_directory: str, living: ledger.Ledger) -> None:
        self.process = process
        self.started = asyncio.Event()
        self.stopped = asyncio.Event()
        self._log = logs.file(directory, process.name)
        self._working_directory = working_directory
        self._living = living
        self._state = State.WAITING
        self._since = time.time()
        self._pid: int | None = None
        self._exit_status: int | None = None
        self._restarts = 0
        self._serves_since: float | None = None
        self._failures = 0

    @property
    def status(self) -> ProcessStatus:
        """What a person is told."""
        return ProcessStatus(
            name=self.process.name,
            state=self._state,
            pid=self._pid,
            restarts=self._restarts,
            failures=self._failures,
            exit_status=self._exit_status,
            since=self._since,
            rss_bytes=_resident(self._pid),
        )

    async def run(self, dependencies: Sequence["Unit"], dependents: Sequence["Unit"]) -> None:
        """Run until cancelled; then stop, once those that depend on it have stopped."""
        try:
            await self._live(dependencies)
        except asyncio.CancelledError:
            await asyncio.gather(*(unit.stopped.wait() for unit in dependents))
            await self._end()
            raise
        finally:
            self.stopped.set()

    async def _live(self, dependencies: Sequence["Unit"]) -> None:
        for unit in dependencies:
            await unit.started.wait()
        delays = Delays()
        while True:
            self._exit_status = await self._round()
            if self.process.task and self._ended():
                break
            self._enter(State.BACKOFF)
            await asyncio.sleep(delays.after(self._served_s, self._exit_status))
            self._restarts += 1
        await asyncio.Event().wait()

    def _ended(self) -> bool:
        if self._exit_status == 0:
            self._failures = 0
            self._enter(State.DONE)
            self.started.set()
        elif self._failures >= TASK_ATTEMPTS:
            self._enter(State.FAILED)
        return self._state in {State.DONE, State.FAILED}

    async def _round(self) -> int:
        """One life. A fault of our own is its end, so that it is started again, and not beside itself."""
        try:
            return await self._once()
        except Exception:
            logger.exception("%s is not looked after any more: it is ended and started again", self.process.name)
            await self._stop()
            return NOT_STARTED

    async def _once(self) -> int:
        self._enter(State.STARTING)
        self._serves_since = None
        self._failures += 1  # until it is seen ready
        try:
            await self._spawn()
        except OSError as error:
            self._say(f"cannot start {self.process.command[0]}: {error}\n")
            return NOT_STARTED
        self._living.add(self.process.name, self._child.pid, self.process.stop_s)
        watching = asyncio.create_task(self._watch())
        try:
            exit_status = await self._child.wait()
        finally:
            watching.cancel()
        self._forget()
        return exit_status

    @property
    def _served_s(self) -> float:
        return 0 if self._serves_since is None else time.monotonic() - self._serves_since

    def _say(self, text: str) -> None:
        """In the log of the process; a full disk does not take it."""
        with contextlib.suppress(OSError), self._log.open("a") as log:
            log.write(text)

    async def _spawn(self) -> None:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as out:
            self._child = await asyncio.create_subprocess_exec(
                *self.process.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd=self._working_directory,
                env=os.environ | self.process.environment,
                start_new_session=True,
            )
        self._pid = self._child.pid

    async def _watch(self) -> None:
        if self.process.task:
            return
        if self.process.ready is None:
            await asyncio.sleep(SETTLE_S)
        while True:
            good = self.process.ready is None or await probe.answers(self.process.ready)
            if good:
                self._failures = 0
                self._enter(State.READY)
                self._serves_since = self._serves_since or time.monotonic()
                self.started.set()
            elif self._state is State.READY:
                self._enter(State.UNREADY)
            await asyncio.sleep(WATCH_S if good else PROBE_S)

    async def _end(self) -> None:
        await self._stop()
        self._enter(State.STOPPED)

    async def _stop(self) -> None:
        if self._pid is not None:
            self._enter(State.STOPPING)
            with contextlib.suppress(ProcessLookupError):
                self._child.send_signal(signal.SIGTERM)
            try:
                self._exit_status = await asyncio.wait_for(self._child.wait(), self.process.stop_s)
            except TimeoutError:
                ledger.kill_group(self._pid)
                self._exit_status = await self._child.wait()
            self._forget()

    def _forget(self) -> None:
        if self._pid is not None:
            ledger.kill_group(self._pid)
        self._pid = None
        self._living.remove(self.process.name)

    def _enter(self, state: State) -> None:
        if state is not self._state:
            self._state, self._since = state, time.time()


def _resident(pid: int | None) -> int | None:
    if pid is None:
        return None
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return None
