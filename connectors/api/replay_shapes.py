"""Replays over HTTP: what callers send and get. Times are ISO 8601, and read back to the microsecond."""

from datetime import datetime
from typing import Any, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from connectors.api.bodies import Text, Time
from connectors.api.shapes import Answer
from connectors.api.times import from_ns, to_ns
from streams.core.records import Changed
from streams.core.replay_record import Replay
from streams.registry.replay_reports import Report
from streams.registry.replays import Asked
from streams.registry.state import Refused
from streams.replay.job import Mode
from streams.replay.selection import Selection
from streams.replay.store import Difference, Sample

TIMES = ("time_from", "time_until", "received_from", "received_until")
DOCUMENTS = ("selection", "progress", "figures")
"""Fields of the record that are JSON already."""


class Body(BaseModel):
    """A criterion that is not known must not be left out silently: a replay of everything would follow."""

    model_config = ConfigDict(extra="forbid")


class ChosenRecords(Body):
    """Which raw records: every criterion must hold, an empty one holds always; ends are excluded."""

    sources: list[Text] = []
    devices: list[Text] = []
    codecs: list[Text] = []
    logical: list[int] = []
    time_from: Time | None = None
    time_until: Time | None = None
    received_from: Time | None = None
    received_until: Time | None = None
    offsets: dict[str, tuple[int, int]] = Field({}, description="raw partition -> first offset, and the one after")
    stages: list[Text] = Field([], description="of dead letters; mode dead-letters only")
    reasons: list[Text] = Field([], description="of dead letters; mode dead-letters only")

    def selection(self) -> Selection:
        """The same in the registry's words."""
        given = self.model_dump(exclude_none=True)
        times = {name: to_ns(given.pop(name)) for name in TIMES if name in given}
        return msgspec.convert(given | times, Selection)


class PlanBody(Body):
    """What a replay would read."""

    mode: Mode = Mode.DECODE
    selection: ChosenRecords = ChosenRecords()


class NewReplay(PlanBody):
    """A dry run; ``apply``: go on to apply when it is done. ``runner``: who runs it, when that is no worker."""

    candidates: list[Text] = Field([], description="decoders and codecs to try: name@sha256")
    mapping_as_of: Literal["event", "now"] = "event"
    sinks: list[Text] = Field([], description="outgoing sinks that get corrections: files, ubidots")
    allow_holes: bool = False
    why: Text = ""
    apply: bool = False
    runner: Text = ""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "mode": "decode",
                    "selection": {"sources": ["ydoc"], "time_from": "2026-10-31T00:00:00Z"},
                    "why": "battery voltage was scaled twice",
                }
            ]
        }
    )

    def asked(self) -> Asked:
        """The same in the registry's words."""
        given = self.model_dump(exclude={"selection", "why"})
        return msgspec.convert(given | {"selection": self.selection.selection()}, Asked)


class RunnersReport(Body):
    """What the process that runs a replay says of it; what it does not say stays."""

    runner: str = Field(min_length=1, max_length=1000)
    state: str | None = None
    progress: dict[str, JsonValue] | None = None
    figures: dict[str, JsonValue] | None = None
    error: str | None = None
    ends: dict[str, int] | None = None
    code: str | None = None
    codecs: str | None = None
    rules: str | None = None
    topics: str | None = None
    generation: int | None = None
    undo_generation: int | None = None
    took_wish: bool = False

    def report(self) -> Report:
        """The same in the registry's words.

        Raises:
            Refused: 400 a state or figure that is not known.
        """
        try:
            return msgspec.convert(self.model_dump(exclude_none=True), Report)
        except msgspec.ValidationError as error:
            raise Refused(400, f"No such report: {error}.") from error


class ShownReplay(Answer):
    """A replay: what was asked, how far it is, what it found."""

    id: int
    mode: str
    state: str
    wish: str
    selection: ChosenRecords
    candidates: list[str]
    mapping_as_of: str
    sinks: list[str]
    allow_holes: bool
    created_at: datetime
    created_by: str
    runner: str
    seen_at: datetime | None
    code: str
    codecs: str
    rules: str
    topics: str
    ends: dict[str, int]
    generation: int | None
    undo_generation: int | None
    progress: dict[str, JsonValue]
    figures: dict[str, JsonValue]
    error: str
    failed_in: str
    changed_at: datetime
    changed_by: str
    why: str


class ShownDifference(Answer):
    """The diff of one group of points; changes are those of numbers that stay numbers."""

    group: str
    counts: dict[str, int]
    mean_change: float | None
    largest_change: float | None


class ShownSample(Answer):
    """One point before and after."""

    kind: str
    device: str
    name: str
    time: datetime
    before: str
    after: str
    before_uid: int
    after_uid: int
    partition: int
    offset: int


def replay(record: Replay) -> dict[str, Any]:
    """As ``ShownReplay``."""
    shown: dict[str, Any] = msgspec.to_builtins(record)
    shown |= {name: msgspec.json.decode(shown[name]) for name in DOCUMENTS}
    last = {name: shown.pop(name) for name in Changed.__struct_fields__}
    return {**shown, **last} | {
        "selection": selection(msgspec.json.decode(record.selection, type=Selection)),
        "created_at": from_ns(record.created_at),
        "changed_at": from_ns(record.changed_at),
        "seen_at": from_ns(record.seen_at) if record.seen_at else None,
    }


def read_replay(shown: dict[str, Any]) -> Replay:
    """The record that ``replay`` showed."""
    chosen = ChosenRecords.model_validate(shown["selection"]).selection()
    times = {name: _ns(shown[name]) for name in ("created_at", "changed_at", "seen_at")}
    documents = {name: msgspec.json.encode(shown[name]).decode() for name in ("progress", "figures")}
    return msgspec.convert(
        shown | times | documents | {"selection": msgspec.json.encode(chosen).decode()}, Replay, strict=True
    )


def selection(chosen: Selection) -> dict[str, Any]:
    """As ``ChosenRecords``, what is empty left out."""
    shown: dict[str, Any] = msgspec.to_builtins(chosen)
    return shown | {name: from_ns(shown[name]) for name in TIMES if name in shown}


def difference(found: Difference) -> dict[str, Any]:
    """As ``ShownDifference``."""
    shown: dict[str, Any] = msgspec.to_builtins(found)
    return shown


def sample(found: Sample) -> dict[str, Any]:
    """As ``ShownSample``."""
    shown: dict[str, Any] = msgspec.to_builtins(found)
    return shown | {"time": from_ns(found.time)}


def read_sample(shown: dict[str, Any]) -> Sample:
    """The sample that ``sample`` showed."""
    return msgspec.convert(shown | {"time": _ns(shown["time"])}, Sample)


def _ns(time: str | None) -> int:
    return 0 if time is None else to_ns(datetime.fromisoformat(time))
