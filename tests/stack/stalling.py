"""Our own processes with a bug that makes them stand still (``tests.stack.stuck``), under an impatient watchdog."""

from pathlib import Path

from tests.stack.harness import PATIENCE, Installation, Process

STALLED = 70
STALLED_S = 8


def impatient(installation: Installation) -> Installation:
    return installation.with_settings(watchdog={"stalled_s": STALLED_S})


def stuck(installation: Installation, bug: str, *arguments: str, section: str | None, log: Path) -> Process:
    return impatient(installation).start(
        bug, *arguments, section=section, log=log, module="tests.stack.stuck", wait=False
    )


def ended(process: Process, what: str) -> bool:
    """Whether it ended as stalled, and said what did not move."""
    return process.popen.wait(60 * PATIENCE) == STALLED and f"{what} has not moved for" in process.log.read_text()
