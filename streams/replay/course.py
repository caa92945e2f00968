"""How a runner tells the world where it stands, and hears what the world wants of it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any, Protocol

import msgspec

from streams import progress
from streams.core.records import Generation
from streams.core.replay_record import Replay
from streams.replay.job import Figures, Progress, State

REPORT_S = 1.0
SIGN_EVERY_S = 5.0
"""also while one statement of the store takes long: a runner that is silent for 30 s has lost the replay"""
SURE_S = 10.0
"""so long after a report the replay is still its runner's: an API that takes over knows only of one that was written, up to 10 s before"""


class Office(Protocol):
    """The registry, seen from a runner: it keeps replays and opens generations. Waits while the registry is away."""

    def get(self, replay: int) -> Replay:
        """The replay as it is recorded now."""

    def all(self) -> list[Replay]:
        """Every replay as it is recorded now."""

    def report(self, replay: int, **fields: Any) -> Replay:
        """Record where it stands; the answer holds what people wish."""

    def open_generation(self, why: str, above: int = 0) -> Generation:
        """Open a generation for ``why``, of a number beyond ``above``, or find the one that has been opened for it."""


class Stopped(Exception):
    """The runner was asked to end; the replay goes on where it was, later."""


class Cancelled(Exception):
    """A person took the replay back."""


class Failed(Exception):
    """The replay cannot go on unless something else changes; the message says what."""


class Course:
    """One replay on its way: the record as last reported, figures, and the bar."""

    def __init__(self, office: Office, replay: Replay, stop: Event, show: Callable[[Replay, Progress], None]) -> None:
        self.replay, self.figures = replay, msgspec.json.decode(replay.figures, type=Figures)
        self._office, self._stop, self._show = office, stop, show
        self._told, self._begun, self._heard = 0.0, (0.0, 0), float("-inf")
        self._now = Progress()
        self._lost = Event()
        self.may_cancel = True

    @property
    def id(self) -> int:
        """The replay's id."""
        return self.replay.id

    @contextmanager
    def alive(self) -> Iterator[None]:
        """Give signs of life meanwhile."""
        ended = Event()
        signs = Thread(target=self._give_signs, args=(ended,), daemon=True)
        signs.start()
        try:
            yield
        finally:
            ended.set()
            signs.join(REPORT_S)

    def enter(self, state: State, **fields: Any) -> None:
        """A new state, recorded before its work begins."""
        self.replay = self._report(state=state.value, figures=self.figures, **fields)

    def note(self, **fields: Any) -> None:
        """Something that must survive, within the state."""
        self._go_on(self._report(figures=self.figures, **fields))

    def hold(self) -> None:
        """Make sure, before something is changed, that the replay is still this runner's: one that was frozen is told by its clock.

        Raises:
            Stopped: another runner has it.
        """
        if self._lost.is_set():
            raise Stopped
        if time.monotonic() - self._heard > SURE_S:
            self._go_on(self._report(progress=self._now))

    def begin(self, step: str, unit: str = "", total: int = 0, done: int = 0) -> None:
        """A step of the work; ``done`` was done by an earlier attempt."""
        self._begun, self._told = (time.monotonic(), done), 0.0
        self._now = Progress(step=step, unit=unit, done=done, total=total)
        self.advance(done)

    def advance(self, done: int, paused: str = "") -> None:
        """How far the step is; called often, told once a second.

        Raises:
            Stopped, Cancelled: the work ends here.
        """
        progress.HERE.beat()
        seconds, earlier = time.monotonic() - self._begun[0], self._begun[1]
        rate = (done - earlier) / seconds if seconds > 0.2 else 0.0
        eta = (self._now.total - done) / rate if rate and self._now.total else -1.0
        self._now = msgspec.structs.replace(
            self._now, done=done, rate=round(rate, 1), eta_s=round(eta, 1), paused=paused
        )
        self._show(self.replay, self._now)
        if time.monotonic() - self._told >= REPORT_S:
            self._go_on(self._report(progress=self._now))
            self._told = time.monotonic()
        self.heed()

    def heed(self) -> None:
        """Look whether somebody wants this to end.

        Raises:
            Stopped, Cancelled: somebody does.
        """
        if self._stop.is_set() or self._lost.is_set():
            raise Stopped
        if self.replay.wish == "cancel" and self.may_cancel:
            raise Cancelled

    def wait(self, seconds: float, paused: str = "") -> None:
        """Pause, but notice at once when the runner has to end.

        Raises:
            Stopped, Cancelled: the work ends here.
        """
        self._stop.wait(seconds)
        self.advance(self._now.done, paused)

    def count(self, **figures: Any) -> None:
        """Keep figures; they are recorded with the next state."""
        self.figures = msgspec.structs.replace(self.figures, **figures)

    def _report(self, **fields: Any) -> Replay:
        """It is heard after it has been sent, so that it counts from there."""
        sent = time.monotonic()
        answer = self._office.report(self.id, **fields)
        self._heard = sent
        return answer

    def _go_on(self, now: Replay) -> None:
        """Only in the state that this runner brought it to: else it went on without this one."""
        if now.state != self.replay.state:
            raise Stopped
        self.replay = now

    def _give_signs(self, ended: Event) -> None:
        """The first refusal is the last sign: a replay that another runner took over is never taken back."""
        while not ended.wait(SIGN_EVERY_S):
            try:
                self._report(progress=self._now)
            except (Stopped, Failed):
                self._lost.set()
                return
