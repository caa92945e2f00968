"""ICT's EagleIO: the present value of every point of an account, as its API's list of nodes tells it.

Source: IoTa's ``ICT_EagleIO``. The first word of a point's name is its device, the rest the measurement. The word counts
as a whole (IoTa looked for it anywhere, so that device ``pond1`` also took the points of ``pond10``).
"""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct
from msgspec.json import Decoder as JsonDecoder

from streams.core.identity import device_key
from streams.core.message import Ignored, Message, Opened, Rejected, Value
from streams.core.names import NAME_LIMIT
from streams.core.payload import detail, read
from streams.core.records import RawRecord
from streams.core.sender import named, sender
from streams.core.times import from_text

NUMBER_POINT = "io.eagle.models.node.point.NumberPoint"


class Node(Struct, frozen=True):
    """A number point; nodes of other classes are folders, pictures and the like."""

    name: Any = None
    value: Any = None
    time: Any = None


_NODES = JsonDecoder(list[dict[str, Any]])


class IctEagleio:
    """Decoder of source ``ict_eagleio``."""

    name = "ict_eagleio"
    version = 1

    def key(self, record: RawRecord) -> str | None:
        """One key per account's address, whose answers then stay in order."""
        return device_key("ict_eagleio", record.address[:NAME_LIMIT])

    def device(self, source_ids: Mapping[str, str]) -> str | None:
        """See ``Decoder.device``."""
        return named("ict_eagleio", source_ids.get("sensor_group_id"))

    def open(self, record: RawRecord) -> list[Opened]:
        """One message per device, at its newest time; a rejection for the points of a device that tell no time."""
        nodes = read(record.payload, _NODES)
        if isinstance(nodes, Rejected):
            return [nodes]
        points = [_node(told) for told in nodes if told.get("_class") == NUMBER_POINT]
        groups: dict[str, list[Node]] = {}
        for point in points:
            if isinstance(point.name, str) and point.name.split():
                groups.setdefault(point.name.split(maxsplit=1)[0], []).append(point)
        parts = [part for group, members in groups.items() for part in _opened(group, members)]
        parts += [Ignored("not-a-number-point")] * (len(points) < len(nodes))
        nameless = len(points) - sum(map(len, groups.values()))
        return [*parts, *_nameless(nameless)] or [Ignored("no-nodes")]


def _node(told: dict[str, Any]) -> Node:
    return Node(told.get("name"), told.get("currentValue"), told.get("currentTime"))


def _opened(group: str, points: Iterable[Node]) -> list[Opened]:
    who = sender("ict_eagleio", group, {"sensor_group_id": group}, name=group)
    if isinstance(who, Rejected):
        return [who]
    told = [point for point in points if not (point.value is None and point.time is None)]
    timed = [(point, from_text(point.time) if isinstance(point.time, str) else None) for point in told]
    values = [Value(_measurement(point.name), point.value, time) for point, time in timed if time is not None]
    parts: list[Opened] = []
    if values:
        parts.append(Message(sender=who, time=max(value.time for value in values), values=values))
    untimed = [point for point, time in timed if time is None]
    if untimed:
        what = f"{len(untimed)} point(s), first {untimed[0].name}: {untimed[0].time}"
        parts.append(Rejected("open", "bad-time", detail(what), who.device))
    return parts or [Ignored("never-measured", who)]


def _measurement(name: str) -> str:
    """The name without its first word; a name of one word is all of it."""
    words = name.split(maxsplit=1)
    return words[-1].rstrip()


def _nameless(count: int) -> list[Opened]:
    return [Rejected("open", "no-device", f"{count} point(s) without a name")] if count else []


DECODER = IctEagleio()
