"""What makes the file sinks write in every case: mapped boxes, and a sensor with a log."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx

from connectors.demo.mapping import Api, patiently, text_of
from connectors.simulator import vibration
from connectors.simulator.fleet import Device, Message
from tests.faults.load import Load

MAPPED = slice(12, 18)
"""of the fleet's boxes; cases map others themselves"""
LOG, LINES_PER_S = "log", 4
SOON = 3_000_000_000
"""ns: a mapping that starts later than what is under way needs no replay, which would disturb the case"""


def begin(load: Load, api: Api) -> None:
    """Map boxes to places of their own, and let the sensor speak."""
    for box in load.devices[MAPPED]:
        patiently(settle, api, box, time.time_ns() + SOON)
    load.also(log_lines(load.devices[0].identity), every=max(1, round(load.rate / LINES_PER_S)))


def more_lines(load: Load) -> None:
    """Wait until the sensor has spoken again: who keeps its lines had something to write until now."""
    load.more(LINES_PER_S, LOG)


def log_lines(seed: str) -> Iterator[Message]:
    """Log lines of a sensor, without end."""
    (serial,) = vibration.serials(1, int.from_bytes(seed.encode()[-8:]))
    number = 0
    while True:
        now = time.time_ns()
        body = vibration.logged(serial, now, "INFO", f"line {number}")
        yield Message(now, LOG, f"vibration:{serial}", "vibration", "http", "/webhooks/vibration", body)
        number += 1


def settle(api: Api, box: Device, start: int) -> None:
    """Map a box from ``start`` (ns) on to a place that no other box has."""
    uid = _known(api, box) or _made(api, box)
    if uid in _current(api):
        return  # an earlier case of the same row has the same fleet
    place = api.call("POST", "/logical/devices/", {"name": place_of(box)})["uid"]
    api.call("POST", "/mappings/", {"pd": uid, "ld": place, "start_time": text_of(start)})


def where(api: Api, box: Device) -> tuple[int, int]:
    """The uid of a box, and that of the place that it is mapped to now; 0 where there is none."""
    uid = _known(api, box)
    return uid, _current(api).get(uid, {"ld": 0})["ld"]


def move(api: Api, box: Device) -> None:
    """Map a box to a new place, from the middle of the time on in which it has been where it is."""
    uid = _known(api, box)
    start = datetime.fromisoformat(_current(api)[uid]["start_time"])
    since = (start + (datetime.now(UTC) - start) / 2).isoformat()
    place = api.call("POST", "/logical/devices/", {"name": f"{place_of(box)} since {since}"})["uid"]
    api.call("POST", "/mappings/", {"pd": uid, "ld": place, "start_time": since, "force": True})


def place_of(box: Device) -> str:
    """What the place of a box is called."""
    return f"Place of {box.key}"


def _made(api: Api, box: Device) -> int:
    """Its uid; its first message may come before us."""
    told = {"source_name": box.source, "name": box.key, "source_ids": box.source_ids}
    try:
        return int(api.call("POST", "/physical/devices/", told)["uid"])
    except httpx.HTTPStatusError as error:
        if error.response.status_code != httpx.codes.CONFLICT:
            raise
    return _known(api, box)


def _current(api: Api) -> dict[int, dict[str, Any]]:
    """The mappings that hold now, by the box's uid."""
    return {mapping["pd"]: mapping for mapping in api.call("GET", "/mappings/current/")}


def _known(api: Api, box: Device) -> int:
    known = {device["device"]: device["uid"] for device in api.call("GET", "/physical/devices/")}
    return int(known.get(box.key, 0))
