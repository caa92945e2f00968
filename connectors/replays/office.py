"""The registry, seen from a runner of replays and from the command line: over HTTP, because one process writes it."""

import os
import socket
from collections.abc import Mapping, Sequence
from datetime import datetime
from threading import Event
from typing import Any

import msgspec
import tenacity
from tenacity.nap import sleep_using_event

from connectors.api import client
from connectors.api import replay_shapes as shapes
from connectors.api.client import Denied, NoAnswer
from connectors.api.times import to_ns
from streams import log, progress
from streams.core.records import Generation
from streams.core.replay_record import Replay
from streams.registry.replays import OVER
from streams.replay.course import Failed, Stopped
from streams.replay.selection import Selection
from streams.replay.store import Difference, Sample
from streams.settings import Settings

LONGEST_BACK_OFF_S = 5

logger = log.get("replay.office")


class Office:
    """Asks the API for replays. ``runner`` is who reports: the same after a restart, so that the replay is still its own.

    Nobody else of the host has that name: a second process does not get the port; without one it is another after a restart.

    What a runner needs (``report``, ``open_generation``, and ``get`` and ``all``, when ``waits``) waits while the API is away, until
    ``stop`` is set.

    ``api``: to speak to, instead of the one that the settings name.

    Raises (every method): ``NoAnswer``: the API is away, unless it waits for it; ``Denied``: refused, with a sentence.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        runner: str = "",
        waits: bool = True,
        stop: Event | None = None,
        api: client.Client | None = None,
    ) -> None:
        self.runner = runner or f"{socket.gethostname()}-{settings.replay.health_port or os.getpid()}"
        self._api, self._waits, self._stop = api or client.of_replays(settings), waits, stop or Event()

    def create(
        self,
        mode: str,
        selection: Selection | Mapping[str, Any],
        *,
        candidates: Sequence[str] = (),
        mapping_as_of: str = "event",
        sinks: Sequence[str] = (),
        **more: Any,
    ) -> Replay:
        """Ask for a replay; ``more``: ``allow_holes``, ``why``, ``apply``, ``runner``."""
        chosen = shapes.selection(selection) if isinstance(selection, Selection) else selection
        body = {"mode": mode, "selection": chosen, "candidates": list(candidates), "mapping_as_of": mapping_as_of}
        return shapes.read_replay(self.call("POST", "/replays", json=body | {"sinks": list(sinks)} | more))

    def get(self, replay: int) -> Replay:
        """The replay as it is now."""
        return shapes.read_replay(self._asked(f"/replays/{replay}"))

    def all(self) -> list[Replay]:
        """Every replay, newest first."""
        return [shapes.read_replay(shown) for shown in self._asked("/replays")]

    def wish(self, replay: int, what: str, why: str = "") -> Replay:
        """Wish for ``apply``, ``undo``, ``cancel`` or ``retry``."""
        return shapes.read_replay(self.call("POST", f"/replays/{replay}/{what}", params={"why": why}))

    def report(self, replay: int, **fields: Any) -> Replay:
        """Say where it stands; ``fields`` as in ``streams.registry.replay_reports.Report``. The answer holds wishes.

        Raises:
            Stopped: another process runs it, or it is over.
            Failed: its state, or another replay, does not allow this.
        """
        body = {name: msgspec.to_builtins(value) for name, value in fields.items()} | {"runner": self.runner}
        try:
            return shapes.read_replay(self._patiently("POST", f"/replays/{replay}/report", json=body))
        except Denied as refusal:
            now = self.get(replay)
            if now.runner != self.runner or now.state in OVER:
                raise Stopped(refusal.detail) from refusal
            raise Failed(refusal.detail) from refusal

    def open_generation(self, why: str, above: int = 0) -> Generation:
        """Open a generation for ``why``, of a number beyond ``above``, or find the one that has been opened for it."""
        shown = self._patiently("POST", "/generations", json={"why": why, "once": True, "above": above})
        opened = to_ns(datetime.fromisoformat(shown["opened_at"]))
        return msgspec.convert(shown | {"opened_at": opened}, Generation)

    def plan(self, mode: str, selection: Selection) -> dict[str, Any]:
        """What a replay would read, as ``streams.replay.plan`` says it."""
        body = {"mode": mode, "selection": shapes.selection(selection)}
        found: dict[str, Any] = self.call("POST", "/replays/plan", json=body, timeout=client.LONG_S)
        return found

    def groups(self, replay: int, by: str, limit: int = 50) -> list[Difference]:
        """The diff by one of ``streams.replay.store.GROUPS``, most differing first."""
        asked = {"by": by, "limit": limit}
        found = self.call("GET", f"/replays/{replay}/diff", params=asked, timeout=client.LONG_S)
        return msgspec.convert(found, list[Difference])

    def samples(self, replay: int, limit: int = 50) -> list[Sample]:
        """Points before and after."""
        found = self.call("GET", f"/replays/{replay}/samples", params={"limit": limit}, timeout=client.LONG_S)
        return [shapes.read_sample(shown) for shown in found]

    def call(self, method: str, path: str, **arguments: Any) -> Any:
        """Any path of the API."""
        return self._api.call(method, path, **arguments)

    def close(self) -> None:
        """Close its connections."""
        self._api.close()

    def _asked(self, path: str) -> Any:
        return self._patiently("GET", path) if self._waits else self.call("GET", path)

    def _patiently(self, method: str, path: str, **arguments: Any) -> Any:
        attempts = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(NoAnswer),
            wait=tenacity.wait_exponential(multiplier=0.1, max=LONGEST_BACK_OFF_S) + tenacity.wait_random(0, 0.1),
            before_sleep=_tell,
            sleep=sleep_using_event(self._stop),
            stop=tenacity.stop_when_event_set(self._stop),
        )
        try:
            return attempts(self.call, method, path, **arguments)
        except tenacity.RetryError as error:
            raise Stopped("asked to end while the API was away") from error


def _tell(state: tenacity.RetryCallState) -> None:
    progress.HERE.waits("the API")
    if state.attempt_number == 2 or state.attempt_number % 10 == 0:
        fault = state.outcome.exception() if state.outcome else None
        logger.warning("waiting for the API", fault=str(fault), attempt=state.attempt_number)
