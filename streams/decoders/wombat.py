"""Wombat NB-IoT nodes: JSON that is nearly a reading already.

Source: IoTa's ``Wombat``. A node is its ``serial_no``; all its ``source_ids`` are kept as they last came.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct
from msgspec.json import Decoder as JsonDecoder

from streams.core.message import Message, Opened, Rejected, Sender, Value
from streams.core.payload import detail, read
from streams.core.records import RawRecord
from streams.core.sender import named, sender
from streams.core.times import from_any


class Dot(Struct, frozen=True):
    """One value; its own ``timestamp`` counts instead of the message's."""

    name: str
    value: Any = None
    timestamp: Any = None


class Keyed(Struct, frozen=True):
    """The part of the message that says whose it is."""

    source_ids: dict[str, Any]


class Body(Keyed, frozen=True):
    """The message."""

    timestamp: Any = None
    timeseries: list[Dot] = []


_KEYED, _BODY = JsonDecoder(Keyed), JsonDecoder(Body)


class Wombat:
    """Decoder of source ``wombat``."""

    name = "wombat"
    version = 1

    def key(self, record: RawRecord) -> str | None:
        """The device key."""
        found = read(record.payload, _KEYED)
        who = found if isinstance(found, Rejected) else _sender(found)
        return None if isinstance(who, Rejected) else who.device

    def device(self, source_ids: Mapping[str, str]) -> str | None:
        """See ``Decoder.device``."""
        return named("wombat", source_ids.get("serial_no"))

    def open(self, record: RawRecord) -> list[Opened]:
        """One message, and a rejection for the values whose own time is none."""
        body = read(record.payload, _BODY)
        if isinstance(body, Rejected):
            return [body]
        who = _sender(body)
        if isinstance(who, Rejected):
            return [who]
        time = from_any(body.timestamp)
        if time is None:
            return [Rejected("open", "bad-time", detail(body.timestamp), who.device)]
        timed = [(dot, time if dot.timestamp is None else from_any(dot.timestamp)) for dot in body.timeseries]
        values = [Value(dot.name, dot.value, at) for dot, at in timed if at is not None]
        message = Message(sender=who, time=time, values=values)
        return [message, *_untimed([dot for dot, at in timed if at is None], who)]


def _untimed(dots: list[Dot], who: Sender) -> list[Opened]:
    if not dots:
        return []
    first = f"{len(dots)} value(s), first {dots[0].name}: {dots[0].timestamp}"
    return [Rejected("open", "bad-time", detail(first), who.device)]


def _sender(body: Keyed) -> Sender | Rejected:
    serial = body.source_ids.get("serial_no")
    if isinstance(serial, bool) or not isinstance(serial, (str, int)):
        return Rejected("open", "no-device", "source_ids.serial_no is missing")
    return sender("wombat", str(serial), body.source_ids, name=f"Wombat-{serial}")


DECODER = Wombat()
