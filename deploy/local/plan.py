"""What the supervisor is asked to run: plain values that travel to it as JSON."""

from graphlib import CycleError, TopologicalSorter

import msgspec


class StackError(Exception):
    """What keeps the stack from running; the message is for the person who asked for it."""


class PlanError(StackError):
    """A plan that cannot be followed."""


class Tcp(msgspec.Struct, frozen=True, tag="tcp"):
    """Ready when something accepts connections on this loopback port."""

    port: int


class Http(msgspec.Struct, frozen=True, tag="http"):
    """Ready when GET of ``path`` on this loopback port answers 200."""

    port: int
    path: str = "/readyz"


class Port(msgspec.Struct, frozen=True):
    """A loopback port that a process listens on, and the setting that chose it."""

    number: int
    setting: str


class Process(msgspec.Struct, frozen=True):
    """One process: a server that is kept running, or a task that must succeed once.

    Without ``ready`` a server counts as ready once it lives. ``after`` names processes that must be ready (servers) or done (tasks) before this one starts; they also stop later.
    """

    name: str
    command: tuple[str, ...]
    environment: dict[str, str] = {}
    after: tuple[str, ...] = ()
    ready: Tcp | Http | None = None
    task: bool = False
    ports: tuple[Port, ...] = ()
    stop_s: float = 15.0


class Plan(msgspec.Struct, frozen=True):
    """All processes of a stack. ``owner``: pid of a process without which the stack stops by itself."""

    processes: tuple[Process, ...]
    working_directory: str
    owner: int | None = None


def check(plan: Plan) -> None:
    """Refuse what could never start.

    Raises:
        PlanError: two processes share a name, or dependencies are unknown or circular.
    """
    names = [process.name for process in plan.processes]
    if len(set(names)) < len(names):
        raise PlanError(f"two processes share a name: {', '.join(sorted(names))}")
    unknown = {dependency for process in plan.processes for dependency in process.after} - set(names)
    if unknown:
        raise PlanError(f"unknown dependencies: {', '.join(sorted(unknown))}")
    try:
        TopologicalSorter({process.name: process.after for process in plan.processes}).prepare()
    except CycleError as error:
        raise PlanError(f"circular dependencies: {' → '.join(error.args[1])}") from error
