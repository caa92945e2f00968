"""Devices whose points could not be placed: tried again after a rest, and in nobody's way meanwhile. Pure.

Those that were placed together stay together, so that the replay that failed can go on, rather than another one begin.
"""

from collections.abc import Iterable, Iterator

FIRST_S, LONGEST_S = 15.0, 3600.0
"""A rest is twice as long as the one before: often another correction was in the way, and sometimes it fails for good."""

Group = tuple[str, ...]


class PutOff:
    """Groups of devices, and until when each rests (seconds of a monotonic clock)."""

    def __init__(self) -> None:
        self._rests: dict[Group, tuple[float, float]] = {}

    def add(self, devices: Iterable[str], now: float) -> float:
        """They could not be placed; returns how long they rest."""
        group = tuple(devices)
        _, before = self._rests.get(group, (0.0, FIRST_S / 2))
        rest = min(before * 2, LONGEST_S)
        self._rests[group] = now + rest, rest
        return rest

    def drop(self, devices: Iterable[str]) -> None:
        """They are placed."""
        self._rests.pop(tuple(devices), None)

    def wake(self, device: str) -> None:
        """Its mapping is another now: that may have been what was wrong."""
        for group, (_, rest) in self._rests.items():
            if device in group:
                self._rests[group] = 0.0, rest

    def due(self, now: float) -> Iterator[Group]:
        """Groups that have rested."""
        return (group for group, (until, _) in list(self._rests.items()) if until <= now)

    @property
    def devices(self) -> set[str]:
        """All of them."""
        return {device for group in self._rests for device in group}
