"""Further workers beside the supervised ones: watched as those are, and ended with whoever started them."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import httpx
from msgspec import Struct

from connectors.cli import processes
from tests.faults import members
from tests.faults.run import Run
from tests.faults.watch import AUDIT
from tests.ports import free_port
from tests.stack.harness import eventually

END_S = 30


class Worker(Struct):
    """One that runs."""

    group: str
    instance: int
    port: int
    popen: subprocess.Popen[bytes]

    def await_joined(self, one: Run) -> None:
        """Wait until it has its place in the group."""
        members.await_joined(one.world.settings.kafka, self.group, self.instance)

    def await_alone(self, one: Run) -> None:
        """Wait until it has the group's partitions to itself."""
        members.await_alone(one.world.settings.kafka, self.group, self.instance)

    def await_commit(self, one: Run) -> None:
        """Wait until its group goes on."""
        members.await_commit(one.world.settings.kafka, self.group)

    def looked_at(self, one: Run) -> None:
        """It has not ended by itself, and commits nothing that is not done."""
        status = self.popen.poll()
        one.holds(f"another worker of {self.group} lives on, status {status}", status is None)
        if status is None:
            (undone,) = eventually(lambda: self._undone(one))
            one.holds(f"another worker of {self.group} commits nothing that is not done: {undone:.0f}", not undone)

    def _undone(self, one: Run) -> list[float]:
        """What it has committed undone; empty while it is too busy to answer."""
        with suppress(httpx.HTTPError):
            return [one.world.metric(self.port, AUDIT)]
        return []

    def end(self, one: Run) -> None:
        """SIGTERM, under watch until then."""
        self.looked_at(one)
        self.popen.send_signal(signal.SIGTERM)
        status = self.popen.wait(END_S)
        one.holds(f"another worker of {self.group} ends with status 0 when it is asked to, not {status}", status == 0)


@contextmanager
def another(one: Run, kind: str, *more: str, instance: int = 1) -> Iterator[Worker]:
    """A further process of a kind (decode, window, sink) beside the supervised one, killed at the end."""
    port, section = free_port(), kind.upper()
    told = {f"ISTHMUS_{section}__INSTANCE": str(instance), f"ISTHMUS_{section}__HEALTH_PORT": str(port)}
    with (one.world.directory / f"another-{kind}.log").open("ab") as out:
        popen = subprocess.Popen(
            owned([*processes.OURS, "run", kind, *more]),
            env=os.environ | one.world.environment | told,
            stdout=out,
            stderr=out,
        )
    try:
        yield Worker("-".join((kind, *more)), instance, port, popen)
    finally:
        popen.kill()
        popen.wait(10)


def owned(command: Sequence[str]) -> list[str]:
    """The command, ended by the kernel when we have ended, however that comes (Linux; elsewhere it outlives us)."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--", *command] if setpriv else list(command)
