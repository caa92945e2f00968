"""`isthmus run replay`: runs replays one after another, and places points anew after mapping changes.

What a worker was killed in, its successor goes on with. A replay that tries decoders which are not deployed is run by the
command that asked for it: they are the operator's own code.
"""

import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from threading import Event
from typing import Any

import tenacity
from confluent_kafka import KafkaException
from tenacity.nap import sleep_using_event

from connectors.api.client import Client, Denied, NoAnswer
from connectors.replays import placements, placing
from connectors.replays.corrections import Told, correct
from connectors.replays.office import Office
from connectors.sinks.base import Transient
from connectors.sinks.clickhouse.replay import ClickHouseReplayStore
from streams import log, metrics, ops, progress, watchdog
from streams.core.replay_record import Replay
from streams.core.times import DAY
from streams.kafka import Undelivered
from streams.progress import Work
from streams.registry.replays import is_correcting
from streams.replay.course import Failed, Stopped
from streams.replay.job import WORKING, Mode, Progress, State
from streams.replay.runner import NOTHING, Runner
from streams.replay.task import Tried
from streams.settings import Settings
from streams.view import CompactedView

PASSING = (Transient, KafkaException, Undelivered, TimeoutError, NoAnswer, OSError)
"""something is away; every step of a replay can be done again"""
LOOK_S, LONGEST_BACK_OFF_S = 0.5, 15
TIDY_S = 3600
Show = Callable[[Replay, Progress], None]

logger = log.get("replay")


class Worker:
    """One process; two of them leave each other's replays alone, because the registry lets one runner report."""

    def __init__(self, settings: Settings, stop: Event) -> None:
        self._settings, self._stop = settings, stop
        self._store, self._office = ClickHouseReplayStore(settings), Office(settings, stop=stop)
        self._view = CompactedView(settings.kafka, "replays", Replay)
        self._changes: placing.MappingChanges | None = None
        self._tidied = 0.0
        self._turns, self._at_work = 0, False

    def fault(self) -> str | None:
        """Why it is not ready; None when it is."""
        return None if self._view.ready else (self._view.error or "topic replays is not read yet")

    def work(self) -> Work:
        """For the watchdog: a turn has to end, or to give signs of work. Asked from any thread."""
        return Work((self._turns, progress.HERE.beats), left=self._at_work)

    def run(self) -> None:
        """Work until stopped."""
        self._view.start()
        while not self._stop.is_set():
            try:
                busy = self._view.wait_ready(LOOK_S) and self._watched_turn()
            except PASSING as fault:
                self._wait(fault)
                busy = False
            if not busy:
                self._stop.wait(LOOK_S)
        self._close()

    def _wait(self, fault: Exception) -> None:
        """Kafka may have been lost for good by the clients that asked (librdkafka, issue 5301): others ask next time."""
        told = _words(fault)
        progress.HERE.waits(told)
        logger.warning("waiting", fault=told)
        if isinstance(fault, KafkaException | TimeoutError):
            self._forget_changes()

    def _forget_changes(self) -> None:
        """They are read again from what is committed."""
        changes, self._changes = self._changes, None
        if changes is not None:
            changes.close()

    def _watched_turn(self) -> bool:
        self._at_work = True
        try:
            return self._turn()
        finally:
            self._turns, self._at_work = self._turns + 1, False

    def _turn(self) -> bool:
        """One replay, or one look at what else there is to do; whether something was done."""
        waiting = next_of(list(self._view.data.values()))
        now = waiting and next_of([self._office.get(waiting.id)])  # the view may be a moment old
        if now is not None:
            return self._run(now.id) is not None
        self._tidy()
        return self._place()

    def _run(self, replay: int) -> Replay | None:
        return run_replay(
            self._settings, replay, self._stop, office=self._office, store=self._store, begins_undo=self._place_again
        )

    def _place_again(self, replay: Replay) -> None:
        """An undo puts rows back at the places that they had. Noted before it begins: who dies after notes nothing.

        Not when it is refused: the placement that has to be undone before would be made anew each time.
        """
        try:
            self._mapping_changes().again(placements.undone_from(replay))
        except KafkaException:
            self._forget_changes()
            raise

    def _place(self) -> bool:
        changes = self._mapping_changes()
        changes.read()
        replays = list(self._view.data.values())
        free = partial(placements.free, replays)
        return placing.place(changes, self._store.misplaced, self._correct_places, free)

    def _mapping_changes(self) -> placing.MappingChanges:
        self._changes = self._changes or placing.MappingChanges(self._settings)
        return self._changes

    def _correct_places(self, devices: Sequence[str], why: str) -> bool:
        """Whether their points stand right now; another correction may be in the way, be it another worker's."""
        try:
            rested = self._run(self._placement(devices, why).id)
        except Denied as refusal:
            logger.warning("placing refused", why=refusal.detail)
            return False
        return rested is not None and rested.state == State.APPLIED

    def _placement(self, devices: Sequence[str], why: str) -> Replay:
        failed = placements.failed(list(self._view.data.values()), devices)
        if failed is not None:
            return self._office.wish(failed.id, "apply")
        return self._office.create(mode=Mode.PLACE.value, selection={"devices": list(devices)}, why=why, apply=True)

    def _tidy(self) -> None:
        """Give back what old replays hold in the store: an undo is possible for some days only."""
        if time.monotonic() < self._tidied:
            return
        self._tidied = time.monotonic() + TIDY_S
        oldest = time.time_ns() - self._settings.replay.keep_days * DAY
        held = self._store.jobs()
        old = [r for r in list(self._view.data.values()) if r.id in held and r.changed_at < oldest]
        for replay in old:
            if self._stop.is_set():
                return
            if replay.state not in WORKING and not is_correcting(replay):
                self._store.drop(replay.id, journal=True)

    def _close(self) -> None:
        self._forget_changes()
        self._view.stop()
        self._office.close()


def next_of(replays: Sequence[Replay]) -> Replay | None:
    """The replay to work on: what somebody began or wishes, the oldest first; none that needs an operator's own code."""
    waiting = (r for r in replays if not r.candidates and (r.state in WORKING or r.wish))
    return min(waiting, key=lambda r: r.id, default=None)


def run_replay(  # noqa: PLR0913 - what a runner needs, and who looks
    settings: Settings,
    replay: int,
    stop: Event,
    *,
    tried: Tried = NOTHING,
    office: Office | None = None,
    store: ClickHouseReplayStore | None = None,
    show: Show = lambda *_: None,
    begins_undo: Callable[[Replay], None] = lambda _: None,
) -> Replay | None:
    """Run a replay to where it rests, through outages; None when it was stopped before. ``begins_undo``: as ``Runner`` has it."""
    registry, told = office or Office(settings, stop=stop), Told()
    runner = Runner(
        settings, store or ClickHouseReplayStore(settings), registry,
        correct=lambda record, undo: correct(settings, record, undo=undo, told=told, stop=stop),
        tried=tried, begins_undo=begins_undo,
    )  # fmt: skip
    attempts = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(PASSING),
        wait=tenacity.wait_exponential(multiplier=0.5, max=LONGEST_BACK_OFF_S),
        before_sleep=lambda state: _say(registry, replay, state),
        sleep=sleep_using_event(stop),
        stop=lambda _: stop.is_set(),
        reraise=True,
    )
    try:
        rested: Replay = attempts(runner.run, replay, stop, show)
    except Stopped:
        return None
    except PASSING:
        raise
    except Exception as fault:  # whatever it is, it must not end every worker that takes this replay up
        logger.exception("replay failed", replay=replay)
        metrics.REPLAYS.labels(State.FAILED.value).inc()
        return registry.report(replay, state=State.FAILED.value, error=f"{type(fault).__name__}: {fault}")
    metrics.REPLAYS.labels(rested.state).inc()
    logger.info("replay rests", replay=replay, state=rested.state, error=rested.error or None)
    return rested


def run_here(settings: Settings, replay: int, tried: Tried, show: Show, api: Client | None = None) -> Replay | None:
    """Run a replay with decoders and codecs of the operator's own in this process; SIGINT stops it, and it can be gone on with.

    ``api``: to speak to, instead of the one that the settings name.
    """
    stop = Event()
    _stop_on_signals(stop)
    return run_replay(settings, replay, stop, tried=tried, show=show, office=Office(settings, stop=stop, api=api))


def run(settings: Settings) -> None:
    """The process: until SIGTERM or SIGINT."""
    os.nice(settings.replay.nice)
    stop = Event()
    _stop_on_signals(stop)
    worker = Worker(settings, stop)
    progress.HERE.watch("replays", worker.work)
    dog = watchdog.watch(settings.kafka, settings.watchdog, needed=("raw",))
    dog.start()
    for state in State:
        metrics.REPLAYS.labels(state.value)  # an increase is seen only from a value that was there before
    end_ops = ops.serve(settings.replay.health_port, host=settings.health.host, ready=worker.fault, healthy=dog.fault)
    try:
        worker.run()
    finally:
        end_ops()


def _say(registry: Office, replay: int, state: tenacity.RetryCallState) -> None:
    """In the log, and to whoever looks at the replay; its next state takes the fault away."""
    fault = _words(state.outcome.exception() if state.outcome else None)
    progress.HERE.waits(fault)
    logger.warning("replay waits", replay=replay, fault=fault, attempt=state.attempt_number)
    with suppress(Failed):
        registry.report(replay, error=f"waits: {fault}")


def _words(fault: BaseException | None) -> str:
    """A time-out says nothing but its name."""
    return str(fault) or type(fault).__name__


def _stop_on_signals(stop: Event) -> None:
    def end(*_: Any) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
