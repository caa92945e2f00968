"""The process from its start to its end."""

import importlib.machinery
import importlib.util
import signal
from typing import Any

from streams.javascript.worker.confinement import confine
from streams.javascript.worker.engine import Engine
from streams.javascript.worker.pipe import Pipe
from streams.javascript.worker.runner import Runner

STALL_S = 30
STALL_PER_MS = 0.3
"""seconds after which a worker that nobody kills ends itself, and more for each ms of the limit: a hundred calls in one
request may be cut twice each"""


def main(quickjs: str, ms: int, mb: int, budget_mb: int, kept: int) -> None:
    """Serve until stdin ends: with the process that started this one, also when that is killed."""
    engine, pipe = Engine(_engine_module(quickjs), ms, mb), Pipe()
    runner = Runner(engine, pipe, budget=budget_mb << 20, kept=kept)
    if not engine.prove():
        pipe.send({"fault": f"{quickjs} does not cut a regular expression: it is not quickjs-ng"}, "")
        return
    confine((2 * budget_mb + mb) << 20)
    pipe.send({"ready": True}, "")
    while True:
        try:
            request = pipe.receive()
        except EOFError:
            return
        _end_in(STALL_S + STALL_PER_MS * ms)  # by the kernel, if it hangs and nobody is there to kill it
        runner.run(*request)
        _end_in(0)


def _end_in(seconds: float) -> None:
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _engine_module(path: str) -> Any:
    """The engine alone; the package around it starts threads."""
    loader = importlib.machinery.ExtensionFileLoader("_quickjs", path)
    spec = importlib.util.spec_from_loader("_quickjs", loader)
    if spec is None:
        raise ImportError(path)
    return importlib.util.module_from_spec(spec)
