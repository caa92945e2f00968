"""Starting, asking and stopping the supervisor of a stack directory, from the outside."""

import fcntl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
import psutil

from deploy.local import logs, ports, status, supervisor
from deploy.local.ledger import Ledger
from deploy.local.plan import Plan, StackError, check

GIVE_UP_AFTER = 3
"""Ends of a server, in a row and without having been ready, that make `up` give up."""
FOUND_IN_S = 10.0
"""Who takes a directory says a little later who it is."""
TURN = "turn"
"""Held by who starts or stops a stack, so that another one sees it either way and nothing between."""
LOG_LINES = 30
POLL_S = 0.1

Watch = Callable[[status.StackStatus], None]


def up(directory: Path, plan: Plan, *, timeout_s: float = 180, watch: Watch = lambda _: None) -> status.StackStatus:
    """Bring the plan up and wait until all of it is ready; a stack that is up already is only waited for.

    Raises:
        StackError: something failed (with its last log lines) or took too long, and everything was stopped again;
            or the directory runs another plan.
        PortTaken: before anything was started.
    """
    check(plan)
    directory.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + timeout_s
    with _in_turn(directory):
        is_there = running(directory)
        _refuse_other(directory, plan) if is_there else _launch(directory, plan)
    if is_there:
        return _await_ready(directory, deadline, watch)
    try:
        return _await_ready(directory, deadline, watch)
    except (StackError, KeyboardInterrupt):
        down(directory)
        raise


def down(directory: Path, *, watch: Watch = lambda _: None) -> list[str]:
    """Stop the supervisor and all its processes, in reverse order; return the names of orphans that had to be ended.

    Raises:
        StackError: who holds the directory cannot be found. All of it runs on.
    """
    if not directory.is_dir():
        return []
    with _in_turn(directory):
        holder = _holder(directory)
        if holder is not None:
            _terminate(directory, holder, watch)
        return Ledger(directory).end_orphans()


def running(directory: Path) -> bool:
    """Whether a supervisor holds the directory."""
    if not directory.is_dir():
        return False
    try:
        supervisor.lock(directory).close()
    except supervisor.Running:
        return True
    return False


def current(directory: Path) -> status.StackStatus | None:
    """What the running supervisor says; None when there is none."""
    here = _here(directory)
    return status.ask(Path(here.socket)) if here and running(directory) else None


def orphans(directory: Path) -> list[str]:
    """Processes that a killed supervisor left running."""
    return [] if running(directory) or not directory.is_dir() else Ledger(directory).orphans()


@contextmanager
def _in_turn(directory: Path) -> Iterator[None]:
    with (directory / TURN).open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _refuse_other(directory: Path, plan: Plan) -> None:
    if _plan(directory) != plan:
        raise StackError("the stack is up with other processes or settings: `isthmus stack down` first")


def _plan(directory: Path) -> Plan | None:
    """What the running supervisor was told; None where its file is damaged."""
    try:
        return msgspec.json.decode((directory / supervisor.PLAN).read_bytes(), type=Plan)
    except (OSError, ValueError):
        return None


def _launch(directory: Path, plan: Plan) -> None:
    Ledger(directory).end_orphans()
    ports.check([port for process in plan.processes for port in process.ports])
    (directory / supervisor.PLAN).write_bytes(msgspec.json.format(msgspec.json.encode(plan)))
    log = logs.file(directory, supervisor.LOG)
    log.parent.mkdir(exist_ok=True)
    with log.open("ab") as out:
        command = [sys.executable, "-m", "deploy.local.supervisor", str(directory)]
        started = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, check=False
        )
    if started.returncode:
        raise StackError(_with_log("the supervisor did not start", directory, supervisor.LOG))


def _await_ready(directory: Path, deadline: float, watch: Watch) -> status.StackStatus:
    while time.monotonic() < deadline:
        now = current(directory)
        if now is not None:
            watch(now)
            _raise_on_failure(directory, now)
            if now.ready:
                return now
        elif not running(directory):
            raise StackError(_with_log("the supervisor ended", directory, supervisor.LOG))
        time.sleep(POLL_S)
    raise StackError(_too_slow(directory))


def _raise_on_failure(directory: Path, now: status.StackStatus) -> None:
    for process in now.processes:
        ended = process.state in {status.State.BACKOFF, status.State.FAILED}
        if ended and process.failures >= GIVE_UP_AFTER:
            what = f"{process.name} ended with status {process.exit_status}, {process.failures} times"
            raise StackError(_with_log(what, directory, process.name))


def _too_slow(directory: Path) -> str:
    now = current(directory)
    late = [p.name for p in now.processes if p.state is status.State.STARTING] if now else []
    first = late[0] if late else supervisor.LOG
    return _with_log(f"not ready in time: {', '.join(late) or 'the supervisor'}", directory, first)


def _with_log(what: str, directory: Path, name: str) -> str:
    log = logs.file(directory, name)
    lines = logs.tail(log, LOG_LINES) or ["(nothing)"]
    return "\n".join([f"{what}; the last lines of {log}:", *(f"  {line}" for line in lines)])


def _here(directory: Path) -> supervisor.Here | None:
    try:
        return msgspec.json.decode((directory / supervisor.HERE).read_bytes(), type=supervisor.Here)
    except (OSError, ValueError):  # bytes that are no UTF-8, too
        return None


def _holder(directory: Path) -> psutil.Process | None:
    """The supervisor, if there is one. Its children are not ended without it: it would start them again."""
    deadline = time.monotonic() + FOUND_IN_S
    while running(directory):
        here = _here(directory)
        if here is not None and (process := here.process):
            return process
        if time.monotonic() > deadline:
            raise StackError(_not_found(directory, here))
        time.sleep(POLL_S)
    return None


def _not_found(directory: Path, here: supervisor.Here | None) -> str:
    noted = f" (pid {here.pid} was noted, at another time)" if here else ""
    return f"a supervisor holds {directory / supervisor.LOCK} and cannot be found{noted}: end it, then try again"


def _terminate(directory: Path, process: psutil.Process, watch: Watch) -> None:
    with suppress(psutil.NoSuchProcess):
        process.terminate()
        _await_end(directory, process, watch)


def _await_end(directory: Path, process: psutil.Process, watch: Watch) -> None:
    deadline = time.monotonic() + sum(child.stop_s for child in Ledger(directory).children) + POLL_S
    while running(directory):
        if time.monotonic() > deadline:
            process.kill()  # it hangs; its children are orphans now
        now = current(directory)
        if now is not None:
            watch(now)
        time.sleep(POLL_S)
