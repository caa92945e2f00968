"""The demo's second half: the past is corrected, by a late mapping; and a decoder that is not deployed is tried."""

import time
from pathlib import Path

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from connectors.api.client import Denied, NoAnswer
from connectors.demo import centimetres
from connectors.demo.mapping import PATIENCE_S, Api, Away, settle_box
from connectors.demo.quiet import Restless
from connectors.replays import worker
from connectors.replays.office import Office
from connectors.simulator.fleet import Device
from streams.core.replay_record import Replay
from streams.replay import candidate
from streams.replay.job import Mode, State
from streams.replay.task import Tried
from streams.settings import Settings

LOOK_S = 0.3


def map_late(settings: Settings, api: Api, box: Device, since: str, patience_s: float) -> Replay:
    """Map a box from a time on that has passed; the replay that then places its points anew, when it has been applied.

    Raises:
        Restless: it did not come in time.
    """
    patient = Retrying(
        stop=stop_after_delay(PATIENCE_S), wait=wait_fixed(0.5), retry=retry_if_exception_type(Away), reraise=True
    )
    patient(settle_box, api, box, since)
    office, deadline = Office(settings), time.monotonic() + patience_s
    try:
        while (placed := _placed(office, box)) is None:
            if time.monotonic() > deadline:
                raise Restless(f"the points of {box.key} were not placed anew within {patience_s:.0f} s")
            time.sleep(LOOK_S)
    finally:
        office.close()
    return placed


def try_decoder(settings: Settings) -> Replay | None:
    """A dry run of everything that source `json` ever said, with a decoder that is not deployed."""
    file = Path(centimetres.__file__)
    office = Office(settings)
    try:
        tried = office.create(
            Mode.DECODE.value, {"sources": ["json"]}, candidates=[candidate.label("json", file)], runner=office.runner,
            why="would levels in centimetres read better?",
        )  # fmt: skip
    finally:
        office.close()
    return worker.run_here(settings, tried.id, Tried(decoders=(("json", file),)), lambda *_: None)


def _placed(office: Office, box: Device) -> Replay | None:
    try:
        found = office.all()
    except (NoAnswer, Denied):
        return None
    ours = (r for r in found if r.mode == Mode.PLACE and box.key in r.selection and r.state == State.APPLIED)
    return next(ours, None)
