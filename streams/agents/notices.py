"""Device events thinned out: the registry needs to know that a device lives, not of each of its messages."""

from collections import OrderedDict

from msgspec.structs import replace

from streams.core.records import DeviceEvent
from streams.core.sender import united

LIMIT = 200_000
"""devices times kinds of events that are remembered; beyond it events of those that were silent for longest are repeated"""
ROOM = 100_000_000
"""characters of ids and properties of all of them: a device may have ten thousand, where three hundred are usual"""


class Notices:
    """Lets an event pass when it is a device's first, says something new, or the last one is long ago."""

    def __init__(self, interval_ns: int) -> None:
        self._interval = interval_ns
        self._known: OrderedDict[tuple[str, str], DeviceEvent] = OrderedDict()
        """the one that was told last stands at the end"""
        self._characters = 0

    def passes(self, event: DeviceEvent) -> bool:
        """Whether to send the event, which is then remembered as sent.

        New is what the event tells and the events before it did not. What it leaves out is no news: a device may tell
        its properties in heartbeats only.
        """
        known = self._known.get((event.device, event.kind))
        if known is None:
            self._remember(event)
            return True
        if event.at - known.at < self._interval and not _tells_news(event, known):
            return False
        self._remember(_merged(known, event))
        return True

    def forget(self) -> None:
        """What passed may not have been sent."""
        self._known.clear()
        self._characters = 0

    def _remember(self, event: DeviceEvent) -> None:
        """At the price of what was told longest ago: a sender with a changing id would fill the memory."""
        before = self._known.pop((event.device, event.kind), None)
        self._known[event.device, event.kind] = event
        self._characters += _characters(event) - (_characters(before) if before else 0)
        while len(self._known) > LIMIT or self._characters > ROOM:
            self._characters -= _characters(self._known.popitem(last=False)[1])


def _characters(event: DeviceEvent) -> int:
    told = (*event.source_ids.items(), *event.properties.items())
    return sum(len(name) + len(value) for name, value in told)


def _tells_news(event: DeviceEvent, known: DeviceEvent) -> bool:
    return (
        event.name not in (None, known.name)
        or event.latitude not in (None, known.latitude)
        or event.longitude not in (None, known.longitude)
        or not event.source_ids.items() <= known.source_ids.items()
        or not event.properties.items() <= known.properties.items()
    )


def _merged(known: DeviceEvent, event: DeviceEvent) -> DeviceEvent:
    return replace(
        event,
        name=known.name if event.name is None else event.name,
        latitude=known.latitude if event.latitude is None else event.latitude,
        longitude=known.longitude if event.longitude is None else event.longitude,
        source_ids=united(known.source_ids, event.source_ids),
        properties=known.properties | event.properties,
    )
