"""How one answer is to be shown: in exactly IoTa's shapes or with more, and as of when."""

import time
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import Depends, Request

from streams.core.times import HOUR
from streams.settings import ApiSettings

State = Literal["live", "late", "missing"]


@dataclass(frozen=True, slots=True)
class View:
    """``iota``: the caller expects exactly IoTa's shapes; ``now`` in ns since the epoch, silences in ns."""

    iota: bool
    now: int
    late: int
    missing: int

    def state(self, last_seen: int | None) -> State:
        """Whether a device that was seen then is live, late or missing by now."""
        silence = self.missing + 1 if last_seen is None else self.now - last_seen
        return "live" if silence <= self.late else "late" if silence <= self.missing else "missing"


def view(settings: ApiSettings, *, iota: bool) -> View:
    """The view of now."""
    return View(iota, time.time_ns(), int(settings.late_h * HOUR), int(settings.missing_h * HOUR))


async def _view(request: Request) -> View:
    return view(request.app.state.services.settings.api, iota=bool(request.state.iota))


Shown = Annotated[View, Depends(_view)]
