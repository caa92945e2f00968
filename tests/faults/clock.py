"""The wall clock of one of our processes, shifted by what a file says.

Time and again `time.time` and `time.time_ns` give another answer, to our code and to the libraries in Python; C libraries
and the servers keep the real clock, as brokers on other machines do. `time.monotonic` goes on as it does on a real host.
"""

import threading
import time
from collections.abc import Callable
from pathlib import Path

EVERY_S = 0.05
ALL = "all"
SEEN = "seen-"
NS = 1_000_000_000


class Shift:
    """Follows the files `all` and ``name`` in ``directory``, which hold seconds; they add up. It says what it goes by."""

    def __init__(self, directory: Path, name: str) -> None:
        self._directory, self._name = directory, name
        self._files = directory / ALL, directory / name
        self.seconds = self.read()

    def read(self) -> int:
        """What the files say now; one that is not there says nothing."""
        return sum(int(file.read_text()) for file in self._files if file.exists())

    def follow(self, real: Callable[[], float]) -> None:
        """Read them for ever; ``real`` is the clock that is right."""
        told: int | None = None
        while True:
            self.seconds = self.read()
            if self.seconds != told and self._directory.exists():
                told = self.seconds
                write(self._directory, SEEN + self._name, round(time.time() - real()))
            time.sleep(EVERY_S)


def install(directory: Path, name: str) -> None:
    """Shift this process's clock. To be called before others import what they call."""
    shift, seconds, nanoseconds = Shift(directory, name), time.time, time.time_ns
    time.time = lambda: seconds() + shift.seconds
    time.time_ns = lambda: nanoseconds() + shift.seconds * NS
    threading.Thread(target=shift.follow, args=(seconds,), name="clock", daemon=True).start()


def write(directory: Path, name: str, seconds: int) -> None:
    """Let the clock of process ``name`` (or of `all`) go wrong by so much; whole at once."""
    directory.mkdir(exist_ok=True)
    fresh = directory / f".{name}"
    fresh.write_text(str(seconds))
    fresh.rename(directory / name)


def seen(directory: Path, name: str) -> int | None:
    """By how much the clock of that process is wrong, as it says itself."""
    file = directory / f"{SEEN}{name}"
    return int(file.read_text()) if file.exists() else None
