"""The supervisor's process: runs the plan of a stack directory until SIGTERM, then stops everything in reverse order.

`python -m deploy.local.supervisor DIRECTORY` detaches itself and returns once it holds the directory's lock.
"""

import asyncio
import fcntl
import os
import signal
import sys
import time
from pathlib import Path
from typing import IO

import msgspec
import psutil

from deploy.local import identity, logs, status
from deploy.local.ledger import Ledger
from deploy.local.plan import Plan, check
from deploy.local.unit import Unit

LOCK, PLAN, HERE, LOG = "lock", "plan.json", "supervisor.json", "supervisor"
HOUSEKEEPING_S = 1.0


class Running(Exception):
    """Another supervisor has this directory."""


class Here(identity.Known, frozen=True, kw_only=True):
    """How to reach a running supervisor."""

    socket: str


class Supervisor:
    """All units of one plan."""

    def __init__(self, directory: Path, plan: Plan) -> None:
        self._directory = directory
        self._plan = plan
        self._began = time.time()
        self._living = Ledger(directory)
        self._living.end_orphans()
        self._units = {p.name: Unit(p, directory, plan.working_directory, self._living) for p in plan.processes}

    @property
    def status(self) -> status.StackStatus:
        """Everything, now."""
        return status.StackStatus(os.getpid(), self._began, tuple(unit.status for unit in self._units.values()))

    async def run(self, stop: asyncio.Event) -> None:
        """Run until ``stop`` is set or the plan's owner is gone; return when every process has ended."""
        tasks = [asyncio.create_task(self._run(unit)) for unit in self._units.values()]
        while not stop.is_set() and self._owned():
            self._keep_house()
            try:
                await asyncio.wait_for(stop.wait(), HOUSEKEEPING_S)
            except TimeoutError:
                continue
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _keep_house(self) -> None:
        for name in self._units:
            logs.rotate(logs.file(self._directory, name))
        self._living.catch_up()

    async def _run(self, unit: Unit) -> None:
        others = self._units.values()
        dependents = [other for other in others if unit.process.name in other.process.after]
        await unit.run([self._units[name] for name in unit.process.after], dependents)

    def _owned(self) -> bool:
        return self._plan.owner is None or psutil.pid_exists(self._plan.owner)


def lock(directory: Path) -> IO[bytes]:
    """Hold the directory until the file is closed or this process and its forks end.

    Raises:
        Running: somebody holds it.
    """
    held = (directory / LOCK).open("ab")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        held.close()
        raise Running(str(directory)) from None
    return held


async def serve(directory: Path, plan: Plan) -> None:
    """Supervise until SIGTERM or SIGINT, answering status questions."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    supervisor = Supervisor(directory, plan)
    path = status.socket_path(directory)
    async with await status.serve(path, lambda: supervisor.status):
        here = Here(pid=os.getpid(), identity=identity.of(os.getpid()), socket=str(path))
        (directory / HERE).write_bytes(msgspec.json.encode(here))
        await supervisor.run(stop)
    path.unlink(missing_ok=True)
    (directory / HERE).unlink()


def main(directory: Path) -> None:
    """Take the lock, detach, supervise."""
    plan = msgspec.json.decode((directory / PLAN).read_bytes(), type=Plan)
    check(plan)
    held = lock(directory)
    (directory / HERE).unlink(missing_ok=True)
    if os.fork():
        os._exit(0)  # the child has the lock now
    os.setsid()
    with held:
        asyncio.run(serve(directory, plan))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
