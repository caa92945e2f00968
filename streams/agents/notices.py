"""Device events thinned out: the registry needs to know that a device lives, not of each of its messages."""

from streams.core.records import DeviceEvent


class Notices:
    """Lets an event pass when it is a device's first, says something new, or the last one is long ago."""

    def __init__(self, interval_ns: int) -> None:
        self._interval = interval_ns
        self._last: dict[tuple[str, str], DeviceEvent] = {}

    def passes(self, event: DeviceEvent) -> bool:
        """Whether to send the event, which is then remembered as sent."""
        last = self._last.get((event.device, event.kind))
        if last is not None and _says_the_same(last, event) and event.at - last.at < self._interval:
            return False
        self._last[event.device, event.kind] = event
        return True

    def forget(self) -> None:
        """What passed may not have been sent."""
        self._last.clear()


def _says_the_same(one: DeviceEvent, other: DeviceEvent) -> bool:
    return (one.name, one.latitude, one.longitude, one.source_ids, one.properties) == (
        other.name, other.latitude, other.longitude, other.source_ids, other.properties,
    )  # fmt: skip
