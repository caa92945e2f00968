"""A replay's report: one HTML file that needs nothing else."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from connectors.disk import write_anew
from streams.core.replay_record import Replay
from streams.core.times import SECOND
from streams.replay.job import Figures
from streams.replay.selection import Selection
from streams.replay.store import Difference, Sample

TITLES = {"day": "by day", "device": "by device", "measurement": "by measurement", "codec": "by codec"}
MODES = {
    "decode": "decoded again from the raw bytes",
    "place": "placed again by the mapping",
    "restore": "rows restored that the store had lost",
    "dead-letters": "records decoded again that had ended as dead letters",
}
KINDS = ("added", "changed", "removed")


class Fact(Struct, frozen=True):
    """A line of the page's head: what it is, what it says."""

    name: str
    text: str


def write(path: Path, replay: Replay, groups: Mapping[str, Sequence[Difference]], samples: Sequence[Sample]) -> None:
    """Write the page; ``groups`` by the names of ``streams.replay.store.GROUPS``. It appears whole or not at all.

    Raises:
        OSError: the directory is away, full or read-only.
    """
    page = html(replay, groups, samples)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_anew(path, [page.encode("utf-8", "replace")])


def html(replay: Replay, groups: Mapping[str, Sequence[Difference]], samples: Sequence[Sample]) -> str:
    """The page's text. Its plotting libraries are loaded here: no other command waits for them."""
    from jinja2 import Environment, PackageLoader  # noqa: PLC0415 - see above
    from markupsafe import Markup  # noqa: PLC0415 - see above

    from connectors.replays import plots  # noqa: PLC0415 - see above

    environment = Environment(loader=PackageLoader("connectors.replays", ""), autoescape=True, trim_blocks=True)
    environment.filters |= {"count": _count, "number": _number, "time": moment}
    # The drawings are ours, and what devices are called is escaped in them.
    drawn = [(title, Markup(svg)) for title, svg in plots.draw(groups, samples)]  # noqa: S704 - see above
    return environment.get_template("report.html").render(
        replay=replay,
        figures=msgspec.json.decode(replay.figures, type=Figures),
        mode=MODES.get(replay.mode, replay.mode),
        asked=asked(replay),
        plots=drawn,
        groups=[(name, TITLES.get(name, name), rows) for name, rows in _ordered(groups) if rows],
        samples=samples,
        kinds=KINDS,
    )


def asked(replay: Replay) -> list[Fact]:
    """What the replay was told, criterion by criterion; what was left open is not here."""
    wanted = msgspec.json.decode(replay.selection, type=Selection)
    ranges = ", ".join(f"{p}: {first} to {end - 1}" for p, (first, end) in sorted(wanted.offsets.items()))
    facts = [
        Fact("sources", ", ".join(wanted.sources)),
        Fact("devices", ", ".join(wanted.devices)),
        Fact("codecs", ", ".join(wanted.codecs)),
        Fact("logical devices", ", ".join(map(str, wanted.logical))),
        Fact("measured", _range(wanted.time_from, wanted.time_until)),
        Fact("received", _range(wanted.received_from, wanted.received_until)),
        Fact("offsets by raw partition", ranges),
        Fact("dead letters of stages", ", ".join(wanted.stages)),
        Fact("dead letters of reasons", ", ".join(wanted.reasons)),
        Fact("candidates", ", ".join(replay.candidates)),
        Fact("mapping", "as it is now, for all times" if replay.mapping_as_of == "now" else ""),
        Fact("holes in raw", "allowed" if replay.allow_holes else ""),
        Fact("also sent to", ", ".join(replay.sinks)),
    ]
    return [fact for fact in facts if fact.text] or [Fact("everything", "no limit was set")]


def moment(ns: int | None) -> str:
    """ns since the epoch as a person reads it: UTC, to the second, finer only when it is."""
    if not ns:
        return "–"
    seconds, fraction = divmod(ns, SECOND)
    try:
        whole = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return f"{ns} ns"
    return whole + (f".{fraction:09}".rstrip("0") if fraction else "")


def _range(first: int | None, end: int | None) -> str:
    parts = ([f"from {moment(first)}"] if first is not None else []) + ([f"until {moment(end)}"] if end else [])
    return " ".join(parts)


def _ordered(groups: Mapping[str, Sequence[Difference]]) -> list[tuple[str, Sequence[Difference]]]:
    first = [(name, groups[name]) for name in TITLES if name in groups]
    return first + [(name, rows) for name, rows in groups.items() if name not in TITLES]


def _count(value: int) -> str:
    """12345 -> 12 345, with a narrow space that does not break."""
    return f"{value:,}".replace(",", "\u202f")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"
