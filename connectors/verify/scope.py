"""Which part of log and store is compared: what was measured in a range of time, of one device. Pure."""

from collections.abc import Mapping

from msgspec import Struct

from streams.core.records import DeadLetter
from streams.core.times import SECOND


class Scope(Struct, frozen=True):
    """Times in ns since the epoch; None is no limit. ``device``: its key."""

    start: int | None = None
    """measured at this time or later"""
    end: int | None = None
    """measured before this time"""
    device: str | None = None

    @property
    def whole(self) -> bool:
        """Whether everything is compared."""
        return self.start is None and self.end is None and self.device is None

    def takes_device(self, device: str | None) -> bool:
        """Whether the device is the one that is meant."""
        return self.device is None or device == self.device

    def takes_time(self, time: int) -> bool:
        """Whether a point of this time is meant."""
        return (self.start is None or time >= self.start) and (self.end is None or time < self.end)

    def takes_window(self, start: int, seconds: int) -> bool:
        """Whether all of the window is meant: of a part of its points nobody can say what it must hold."""
        return self.takes_time(start) and (self.end is None or start + seconds * SECOND <= self.end)

    def takes_letter(self, letter: DeadLetter) -> bool:
        """A dead letter has no time of measuring; that of receipt is meant. One of unreadable bytes has neither."""
        return self.whole or (
            letter.stage != "avro" and self.takes_time(letter.at) and self.takes_device(letter.device)
        )

    @property
    def compares_latest(self) -> bool:
        """With an end, what is newest lies outside."""
        return self.end is None

    def conditions(self, time: str, device: str, stage: str = "") -> tuple[str, Mapping[str, object]]:
        """The same for SQL: a condition, and its parameters. ``device``: a condition about parameter ``device``."""
        said = {
            f"{time} >= fromUnixTimestamp64Nano({{start:Int64}})": self.start,
            f"{time} < fromUnixTimestamp64Nano({{end:Int64}})": self.end,
            device: self.device,
        }
        wanted = [condition for condition, value in said.items() if value is not None]
        wanted += [stage] if stage and not self.whole else []
        given = {"start": self.start, "end": self.end, "device": self.device}
        return " AND ".join(wanted) or "1", {name: value for name, value in given.items() if value is not None}


WHOLE = Scope()
