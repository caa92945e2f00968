"""What this process has heard of replays and not written: their newest progress, and when their runners last spoke."""

import time

from msgspec import structs

from streams.core.replay_record import Replay


class Desk:
    """Held in memory only: after a restart the next report tells progress again, and no runner loses its replay."""

    def __init__(self) -> None:
        self._since = time.time_ns()
        self._newest: dict[int, Replay] = {}
        self._heard: dict[int, int] = {}

    def hear(self, recorded: Replay, runner: str, at: int) -> None:
        """A runner spoke (ns), whether or not the registry can be written now."""
        if recorded.runner == runner:
            self._heard[recorded.id] = at

    def held(self, recorded: Replay) -> Replay:
        """The record with the time at which its runner was last heard; silence before this process began does not count."""
        heard = max(self._heard.get(recorded.id, self._since), self.shown(recorded).seen_at)
        return structs.replace(self.shown(recorded), seen_at=heard)

    def keep(self, after: Replay) -> None:
        """Remember a report."""
        self._newest[after.id] = after

    def shown(self, recorded: Replay) -> Replay:
        """The record with its newest progress."""
        newest = self._newest.get(recorded.id)
        if newest is None or newest.seen_at <= recorded.seen_at:
            return recorded
        return structs.replace(recorded, progress=newest.progress, seen_at=newest.seen_at)
