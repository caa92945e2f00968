"""What is noted of processes while a case runs: how large they get, who ends by itself, and what is committed undone."""

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

from deploy.local import daemon
from deploy.local.status import ProcessStatus
from tests.faults.result import Result
from tests.faults.world import SERVERS, TASKS, World

AUDIT = "isthmus_committed_unhandled_total"
LOOK_S, AUDIT_EVERY = 1.0, 3
ASKED = (0, -signal.SIGKILL)
"""statuses of who was asked to end, or killed; who does not handle SIGTERM has died of it"""


class Watch:
    """Looks at an installation again and again."""

    def __init__(self, world: World, result: Result) -> None:
        self._world, self._result = world, result
        self._restarts: dict[str, int] = {}
        self._committed: dict[str, float] = {}

    def look(self, *, audit: bool) -> None:
        """Once. ``audit``: ask each process of ours what it has committed undone, too."""
        now = daemon.current(self._world.home)
        for process in now.processes if now else ():
            self._note(process)
        if audit:
            self._committed |= self._world.metrics(AUDIT)
            self._result.committed_unhandled = max(self._result.committed_unhandled, sum(self._committed.values()))

    def _note(self, process: ProcessStatus) -> None:
        peaks, name = self._result.peak_rss, process.name
        peaks[name] = max(peaks.get(name, 0), process.rss_bytes or 0)
        again = process.restarts > self._restarts.setdefault(name, process.restarts)
        self._restarts[name] = process.restarts
        if again and (process.exit_status or 0) not in ASKED and name not in (*SERVERS, *TASKS):
            self._result.ended.setdefault(name, []).append(process.exit_status or 0)


@contextmanager
def watching(world: World, result: Result) -> Iterator[None]:
    """Look until the end, and write into the result."""
    over, watch = Event(), Watch(world, result)

    def look() -> None:
        looks = 0
        while not over.wait(LOOK_S):
            looks += 1
            watch.look(audit=looks % AUDIT_EVERY == 0)

    with ThreadPoolExecutor(1) as pool:
        watching = pool.submit(look)
        try:
            yield
        finally:
            over.set()
            if fault := watching.exception():
                result.faults.append(f"nobody watched to the end: {type(fault).__name__}: {fault}")
