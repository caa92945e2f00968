"""Row 17: the registry changes while data flow."""

import itertools
import time

import httpx

from connectors.demo.mapping import Away, patiently, text_of
from streams.core.times import HOUR, SECOND
from tests.faults import written
from tests.faults.run import Case, Run

UNKNOWN = "unknown"
CHANGES = ("late", "start", UNKNOWN, "pause", "resume", "end")
"""of mappings; those of a box that nobody knows are refused"""


def mappings_race(one: Run) -> None:
    """Mappings start, end, pause, move and come late while the data flow; devices are unknown, names taken."""
    boxes, api = one.load.devices[:6], one.world.api
    for box in boxes:
        patiently(written.settle, api, box, time.time_ns() - HOUR)
    known = {device["device"]: device["uid"] for device in api.call("GET", "/physical/devices/")}
    uids = {device["name"]: device["uid"] for device in api.call("GET", "/logical/devices/")}
    places = [uids[written.place_of(box)] for box in boxes]
    # in this order, of a box that is mapped elsewhere, all are accepted; later ones may come at a wrong time
    for kind, place in zip(CHANGES, places[1:] + places, strict=False):
        _change(one, kind, known[boxes[0].key], place)
    _each_was_accepted(one)
    for _ in range(40):
        _change(one, one.rng.choice(CHANGES), known[one.rng.choice(boxes).key], one.rng.choice(places))
        time.sleep(one.rng.uniform(0, 0.3))


def _change(one: Run, kind: str, box: int, place: int) -> None:
    at = text_of(time.time_ns() - one.rng.choice((0, 5, 60, 1800)) * SECOND)
    call = {
        "late": ("POST", "/mappings", {"pd": box, "ld": place, "start_time": at, "force": True}),
        "start": ("POST", "/mappings", {"pd": box, "ld": place, "force": True}),
        UNKNOWN: ("POST", "/mappings", {"pd": 987654, "ld": place}),
        "end": ("PATCH", f"/mappings/physical/end/{box}", None),
        "pause": ("PATCH", f"/mappings/toggle-active?puid={box}&is_active=false", None),
        "resume": ("PATCH", f"/mappings/toggle-active?puid={box}&is_active=true", None),
    }[kind]
    try:
        patiently(one.world.api.call, *call)
        one.result.notes[f"accepted_{kind}"] = one.result.notes.get(f"accepted_{kind}", 0) + 1
    except httpx.HTTPStatusError as refused:
        one.holds(f"{refused} is a refusal", refused.response.status_code < 500)
    except Away as fault:
        one.holds(str(fault), truth=False)


def _each_was_accepted(one: Run) -> None:
    """Where all are refused, nothing has raced."""
    for kind in CHANGES:
        accepted = one.result.notes.get(f"accepted_{kind}", 0)
        one.holds(f"of changes {kind!r} {accepted:.0f} were accepted", bool(accepted) is (kind != UNKNOWN))


def devices_removed(one: Run) -> None:
    """Mapped boxes, and places that boxes are mapped to, are removed amid their data; boxes speak again and are mapped again."""
    boxes, api = one.load.devices[6:10], one.world.api
    for box in boxes:
        patiently(written.settle, api, box, time.time_ns() - HOUR)
    for box, kind in zip(boxes, itertools.cycle(("physical", "logical")), strict=False):
        one.load.more(60)
        former, place = patiently(written.where, api, box)
        patiently(api.call, "DELETE", f"/{kind}/devices/{former if kind == 'physical' else place}?cascade=true")
        one.load.more(60)
        patiently(written.settle, api, box, time.time_ns())
        uid, again = patiently(written.where, api, box)
        one.holds(
            f"a removed {kind} device does not come back", place != again and (kind == "logical") is (uid == former)
        )
    one.load.more(60)


CASES = (
    Case("mappings-race", 17, mappings_race, posts_once=True),
    Case("devices-removed", 17, devices_removed, posts_once=True),
)
