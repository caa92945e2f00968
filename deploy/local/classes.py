"""The classes of a Java server, kept as the JVM has laid them out (class data sharing): later starts take half the time.

A server that was killed is away for as long as it starts, and loading and checking seven thousand classes is most of that.
They are laid out once per Java and set of jars: the server is run until it listens, and asked what it will be asked, which
tells the classes that this needs. A file that does not fit is ignored by the JVM, so nothing depends on it.
"""

import asyncio
import hashlib
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from deploy.local import probe
from deploy.local.plan import Process, StackError

START_S, LAY_OUT_S = 60.0, 120.0
LOOK_S = 0.1
QUIET = "-Xlog:disable"

TIED = 'exec 3<&0; "$@" 3<&- & server=$!; (cat <&3 >/dev/null; kill -9 $server) & wait $server'
"""A server that ends when its input is closed, also because we have been killed."""

Trial = Callable[[Path], Process]
"""Prepares the server in a scratch directory, on ports that are free; its process."""
Use = Callable[[int], None]
"""Asks the server on a port what clients ask; raises StackError when it does not answer."""
CALLS = b"2"
"""Another one when the calls are others: what was laid out by an older version is not used."""


def options(laid_out: Path | None) -> tuple[str, ...]:
    """What tells a JVM to use the file."""
    return (f"-XX:SharedArchiveFile={laid_out}", QUIET) if laid_out else ()


def place(java: str, jars: Path) -> Path:
    """The file for this Java and these jars, which may not be there yet."""
    said = subprocess.run([java, "-version"], capture_output=True, check=False).stderr
    return jars / f"classes-{hashlib.sha256(CALLS + java.encode() + said).hexdigest()[:12]}.jsa"


def missing(file: Path) -> bool:
    """Whether it has to be made; jars that were fetched again do not fit an older one."""
    return not file.is_file() or file.stat().st_mtime_ns != _fetched_ns(file.parent)


def _fetched_ns(jars: Path) -> int:
    return max((jar.stat().st_mtime_ns for jar in jars.glob("*.jar")), default=0)


def _stamp(file: Path, fetched_ns: int) -> None:
    """It bears its jars' time: one of its own would be older than theirs when the clock was set back meanwhile."""
    os.utime(file, ns=(fetched_ns, fetched_ns))


def provide(java: str, jars: Path, trial: Trial, use: Use) -> Path | None:
    """The file, which is made when it is missing; None when it cannot be made, which only costs time."""
    file = place(java, jars)
    if missing(file):
        try:
            _make(java, jars, trial, use, file)
        except (OSError, StackError, subprocess.SubprocessError):
            _refuse(file)
    return file if file.is_file() and file.stat().st_size else None


def _refuse(file: Path) -> None:
    """An empty one: it is not tried again with these jars, which would take as long at every start."""
    with suppress(OSError):
        file.unlink(missing_ok=True)
        file.touch()
        _stamp(file, _fetched_ns(file.parent))


def _make(java: str, jars: Path, trial: Trial, use: Use, file: Path) -> None:
    """In a directory beside it: of two at once both are whole, and the later one stays."""
    with tempfile.TemporaryDirectory(dir=jars.parent) as scratch:
        made, fetched_ns = Path(scratch) / file.name, _fetched_ns(jars)
        _lay_out(java, jars, _loaded(trial, use, Path(scratch)), made)
        _stamp(made, fetched_ns)
        made.replace(file)


def _loaded(trial: Trial, use: Use, scratch: Path) -> Path:
    """The list of classes that starting and serving load."""
    process, names = trial(scratch / "trial"), scratch / "classes"
    command = [process.command[0], f"-XX:DumpLoadedClassList={names}", *process.command[1:]]
    with subprocess.Popen(["sh", "-c", TIED, "sh", *command], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as running:  # fmt: skip
        use(_listening(running, process))
        running.communicate()
    return names


def _listening(running: "subprocess.Popen[bytes]", process: Process) -> int:
    """Its port, once it listens."""
    deadline = time.monotonic() + START_S
    while not (process.ready and asyncio.run(probe.answers(process.ready))):
        if running.poll() is not None or time.monotonic() > deadline:
            raise StackError(f"{process.name} does not start on trial")
        time.sleep(LOOK_S)
    return process.ports[0].number


def _lay_out(java: str, jars: Path, names: Path, file: Path) -> None:
    files = (f"-XX:SharedClassListFile={names}", f"-XX:SharedArchiveFile={file}", "-cp", f"{jars}/*")
    subprocess.run([java, "-Xshare:dump", *files], capture_output=True, timeout=LAY_OUT_S, check=True)
