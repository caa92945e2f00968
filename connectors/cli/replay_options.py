"""What `isthmus replay …` is told: which raw records, in words that people write, and how to answer."""

import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from msgspec import Struct

from connectors.api.times import to_ns
from connectors.replays.office import Office
from streams.replay.job import Mode
from streams.replay.selection import Offsets, Selection

AGO = re.compile(r"(\d+(?:\.\d+)?) ?(s|min|h|d|w)(?: ago)?")
SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}
RANGE = re.compile(r"(\d+):(\d*)-(\d*)")
FIRST_YEAR, LAST_YEAR = 1970, 2261
END = 2**63 - 1
"""of a range of offsets that has none"""


class Range(NamedTuple):
    """Offsets of one raw partition."""

    partition: str
    offsets: Offsets


class Candidate(NamedTuple):
    """A decoder to try: the source that it decodes, and its file."""

    name: str
    file: Path


class ChosenCodec(NamedTuple):
    """A codec, and its file when another version of it is to be tried."""

    name: str
    file: Path | None = None


class Chosen(Struct, frozen=True, kw_only=True):
    """The options of a selection, as they were given."""

    source: list[str] | None = None
    device: list[str] | None = None
    codec: list[ChosenCodec] | None = None
    logical: list[str] | None = None
    since: int | None = None
    until: int | None = None
    received_from: int | None = None
    received_until: int | None = None
    offsets: list[Range] | None = None
    stage: list[str] | None = None
    reason: list[str] | None = None

    def selection(self, office: Office, candidates: Sequence[Candidate] = ()) -> Selection:
        """The selection; names of places and numbers of boxes are looked up. ``candidates`` may be of new sources.

        Raises:
            typer.BadParameter: a source, device or place that does not exist.
        """
        return Selection(
            sources=_sources(office, self.source or [], {one.name for one in candidates}),
            devices=tuple(_device(office, name) for name in self.device or ()),
            codecs=tuple(dict.fromkeys(one.name for one in self.codec or ())),
            logical=_places(office, self.logical or []),
            time_from=self.since,
            time_until=self.until,
            received_from=self.received_from,
            received_until=self.received_until,
            offsets=_ranges(self.offsets or []),
            stages=tuple(self.stage or ()),
            reasons=tuple(self.reason or ()),
        )


def moment(text: str) -> int:
    """ns since the epoch of an ISO 8601 time (UTC when it names no zone), of `3w`, `2d`, `6h` ago, or of `now`."""
    if text == "now":
        return time.time_ns()
    if ago := AGO.fullmatch(text):
        return time.time_ns() - int(float(ago[1]) * SECONDS[ago[2]] * 1_000_000_000)
    try:
        named = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no time: write 2026-10-31, 2026-10-31T08:00:00+11:00, or how long ago: 3w, 2d, 6h, 30min"
        ) from None
    if not FIRST_YEAR <= named.year <= LAST_YEAR:
        raise typer.BadParameter(f"{text!r}: the year must be {FIRST_YEAR} to {LAST_YEAR}")
    return to_ns(named if named.tzinfo else named.replace(tzinfo=UTC))


def offset_range(text: str) -> Range:
    """`0:100-200`: of raw partition 0 the offsets from 100 up to, not including, 200; either may be left out."""
    told = RANGE.fullmatch(text)
    if told is None:
        raise typer.BadParameter(f"{text!r} is no range of offsets: write partition:first-end, as 0:100-200 or 0:100-")
    first, end = int(told[2] or 0), int(told[3] or END)
    if first >= end:
        raise typer.BadParameter(f"{text!r} is empty: the end is not included")
    return Range(str(int(told[1])), (first, end))


def candidate(text: str) -> Candidate:
    """`NAME=FILE`."""
    name, equals, file = text.partition("=")
    if not (name and equals and Path(file).is_file()):
        raise typer.BadParameter(
            f"{text!r}: write NAME=FILE, the source and its decoder's Python file, which must exist"
        )
    return Candidate(name, Path(file))


def chosen_codec(text: str) -> ChosenCodec:
    """`NAME`, with or without its hash, or `NAME=FILE`."""
    name, equals, file = text.partition("=")
    if equals and not (name and Path(file).is_file()):
        raise typer.BadParameter(f"{text!r}: write NAME=FILE, the codec's name and its file, which must exist")
    return ChosenCodec(name.partition("@")[0], Path(file) if equals else None)


AsJson = Annotated[bool, typer.Option("--json", help="JSON, and nothing else")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="do not ask")]
Why = Annotated[str, typer.Option(help="kept with the replay")]
Page = Annotated[Path | None, typer.Option("--report", help="write the diff to this HTML file, with plots")]


def _several(name: str, help: str, **more: Any) -> Any:
    return typer.Option(name, help=f"{help}; repeat for several", rich_help_panel="Which raw records", **more)


def _time(name: str, help: str) -> Any:
    return typer.Option(name, help=help, parser=moment, metavar="TIME", rich_help_panel="Which raw records")


Sources = Annotated[list[str] | None, _several("--source", "from this source, as `ttn`")]
Devices = Annotated[list[str] | None, _several("--device", "of this device: its key, as `ttn:a817…`, or its uid")]
Codecs = Annotated[
    list[ChosenCodec] | None,
    _several(
        "--codec",
        "read by this codec; NAME=FILE tries that file as the codec, in a dry run",
        parser=chosen_codec,
        metavar="NAME[=FILE]",
    ),
]
AppliesTo = Annotated[
    list[str] | None,
    typer.Option(
        "--applies-to", metavar="TARGET", help="what a codec that is tried reads, as application:ID; else as registered"
    ),
]
Places = Annotated[list[str] | None, _several("--logical", "of this logical device: its uid, or its name")]
From = Annotated[int | None, _time("--from", "measured at this time or later: ISO 8601, or `3w`, `2d`, `6h` ago")]
Until = Annotated[int | None, _time("--until", "measured before this time")]
ReceivedFrom = Annotated[int | None, _time("--received-from", "received at this time or later")]
ReceivedUntil = Annotated[int | None, _time("--received-until", "received before this time")]
OffsetRanges = Annotated[
    list[Range] | None,
    _several("--offsets", "`0:100-200`: partition, first, end (not included)", parser=offset_range, metavar="P:A-B"),
]
Stages = Annotated[list[str] | None, _several("--stage", "dead letters of this stage (mode dead-letters)")]
Reasons = Annotated[list[str] | None, _several("--reason", "dead letters for this reason (mode dead-letters)")]
How = Annotated[
    Mode,
    typer.Option(
        "--mode",
        help="**decode**: again from the raw bytes; **place**: mapping only; **restore**: rows that the store lost; "
        "**dead-letters**: what could not be decoded",
    ),
]


def _sources(office: Office, names: list[str], new: set[str]) -> tuple[str, ...]:
    known = office.call("GET", "/physical/sources") if names else []
    for name in names:
        if name not in {*known, *new}:
            raise typer.BadParameter(f"there is no source {name!r}; there are: {', '.join(known)}")
    return tuple(names)


def _device(office: Office, name: str) -> str:
    """Keys are taken as they are: a device that was never decoded is not registered yet."""
    if name.isdecimal():
        key: str = office.call("GET", f"/physical/devices/{name}")["device"]
        return key
    if ":" not in name:
        raise typer.BadParameter(f"{name!r} is no device: write its key, source:identity, or its uid")
    return name


def _places(office: Office, names: list[str]) -> tuple[int, ...]:
    known = office.call("GET", "/logical/devices", params={"include_properties": False}) if names else []
    found: list[int] = []
    for name in names:
        uids = [place["uid"] for place in known if name in {place["name"], str(place["uid"])}]
        if not uids:
            raise typer.BadParameter(f"there is no logical device {name!r}")
        found += uids
    return tuple(found)


def _ranges(given: list[Range]) -> dict[str, Offsets]:
    partitions = [one.partition for one in given]
    if len(set(partitions)) < len(partitions):
        raise typer.BadParameter("--offsets: one range for each partition")
    return dict(given)
