"""Replay workers that die on time: the product's worker, which kills itself (-9) at a named point of its work.

They are forked from a process that has loaded everything, so that one costs what it does and not what Python's start does.
"""

import itertools
import multiprocessing
import os
import signal
import sys
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, NamedTuple

from connectors.replays import worker
from streams import log as logging
from streams.settings import Settings

forks = multiprocessing.get_context("forkserver")
forks.set_forkserver_preload(["tests.stack.replay_worker"])


class Death(NamedTuple):
    """At the ``nth`` call of a method of the store, or of the office, before it begins or after it has ended."""

    method: str
    after: bool = True
    nth: int = 1
    of: str = "ClickHouseReplayStore"


def start(settings: Settings, log: Path, death: Death | None = None) -> BaseProcess:
    """A worker; without ``death`` it runs until somebody kills it."""
    process = forks.Process(target=_work, args=(settings, log, death), daemon=True)
    process.start()
    return process


def _work(settings: Settings, log: Path, death: Death | None) -> None:
    with log.open("ab") as out:
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
    sys.stderr = os.fdopen(2, "w", buffering=1)
    logging.configure(settings.log, "replay")
    if death is not None:
        setattr(worker, death.of, _mortal(getattr(worker, death.of), death))
    worker.run(settings)


def _mortal(kind: type[Any], death: Death) -> type[Any]:
    original, calls = getattr(kind, death.method), itertools.count(1)

    def method(self: Any, *arguments: Any, **named: Any) -> Any:
        last = next(calls) == death.nth
        if last and not death.after:
            os.kill(os.getpid(), signal.SIGKILL)
        answer = original(self, *arguments, **named)
        if last:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    return type(kind.__name__, (kind,), {death.method: method})
