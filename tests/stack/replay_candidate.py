"""A decoder of source `json` that an operator tries: for the test world's records as the deployed one, but for its switches.

Tests write a copy of this file in which SWITCHES holds what they want.
"""

import json
from typing import Any

from streams.core.message import RECEIPT_TIME, Message, Opened, Rejected, Sender, Value
from streams.core.records import RawRecord
from streams.core.times import SECOND, from_text

SWITCHES: frozenset[str] = frozenset()
EVERY = ("scale", "rename", "shift", "drop", "add", "crash")


class Candidate:
    """Another reading of the same objects."""

    name = "json"
    version = 99

    def __init__(self, switches: frozenset[str] = SWITCHES) -> None:
        self._on = switches

    def key(self, record: RawRecord) -> str | None:
        """Doors do not ask a candidate."""
        return None

    def open(self, record: RawRecord) -> list[Opened]:
        """One message."""
        try:
            body = json.loads(record.payload)
        except ValueError:
            return [Rejected("open", "bad-json", "no JSON")]
        who = Sender(device=f"json:{body['device']}", source_ids={})
        if not isinstance(body["values"], dict):
            return [Rejected("open", "bad-values", "no object", who.device)]
        time = from_text(body["time"]) if "time" in body else record.received_at
        if time is None:
            return [Rejected("open", "bad-time", body["time"], who.device)]
        values = [Value(name, value, at) for name, value, at in changed(self._on, body["device"], body["values"], time)]
        return [Message(sender=who, time=time, values=values, quality=0 if "time" in body else RECEIPT_TIME)]


def changed(on: frozenset[str], device: str, values: dict[str, Any], time: int) -> list[tuple[str, Any, int]]:
    """Names, values and times, as the switches want them."""
    t = values.get("t")
    if "crash" in on and t is not None and t < -5:
        raise ZeroDivisionError("a mistake in the candidate")
    if "shift" in on and device == "d2":
        time += 20 * SECOND
    told = dict(values)
    if "scale" in on and t is not None:
        told["t"] = t * 1.5
    if "rename" in on and device in ("d1", "d3") and "h" in told:
        told["humidity"] = told.pop("h")
    if "drop" in on and told.get("state") == "wet":
        del told["state"]
    if "add" in on and told.get("h", 0) > 60:
        told["damp"] = "yes"
    return [(name, value, time) for name, value in told.items()]


DECODER = Candidate()
