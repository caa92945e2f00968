"""The plots of a replay's report, as SVG for the page: coloured by its style sheet, so light, dark and paper fit alike."""

import re
import warnings
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import partial
from io import StringIO
from typing import Any

import matplotlib as mpl
import matplotlib.dates
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from streams.core.times import SECOND
from streams.replay.store import Difference, Sample

COLOURS = {"added": "#010203", "changed": "#020304", "removed": "#030405", "ink": "#040506", "rule": "#050607"}
"""Stand-ins; the page's variables of these names take their place."""
DATES: Any = matplotlib.dates  # it has no annotations
STYLE: dict[Any, object] = {
    "svg.fonttype": "none",  # text stays text: searchable, and in the page's own font
    "text.parse_math": False,  # a device may be called $x$
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": COLOURS["ink"],
    "axes.labelcolor": COLOURS["ink"],
    "axes.edgecolor": COLOURS["rule"],
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.axisbelow": True,
    "axes.formatter.useoffset": False,
    "xtick.color": COLOURS["rule"],
    "ytick.color": COLOURS["rule"],
    "xtick.labelcolor": COLOURS["ink"],
    "ytick.labelcolor": COLOURS["ink"],
    "grid.color": COLOURS["rule"],
    "grid.linewidth": 0.6,
    "figure.constrained_layout.use": True,
}
KINDS = ("changed", "added", "removed")
TOP, PANELS, WIDTH, LABEL = 12, 4, 9.2, 44

Plot = tuple[str, str]
"""(what it shows, SVG)"""
Pair = tuple[datetime, float, float]
"""when, before, after"""


def draw(groups: Mapping[str, Sequence[Difference]], samples: Sequence[Sample]) -> list[Plot]:
    """Every plot that there is something for."""
    days = [(day, row) for row in groups.get("day", ()) if row.counts.differing and (day := _day(row.group))]
    made = [_plot("Points that differ, by the day they were measured", 2.6, partial(_by_day, days))] if days else []
    for name in ("device", "measurement"):
        rows = [row for row in groups.get(name, ()) if row.counts.differing][:TOP]
        if rows:
            made.append(_plot(f"Points that differ, by {name}", 0.9 + 0.28 * len(rows), partial(_by_group, rows)))
    for series, pairs in _changed_numbers(samples)[:PANELS]:
        made.append(_plot(f"Samples of {series}: before and after", 2.3, partial(_before_and_after, pairs)))
    return made


def label(text: str) -> str:
    """A name that fits beside a plot, without what cannot be printed."""
    shown = "".join(c if c.isprintable() else "·" for c in text)
    return shown if len(shown) <= LABEL else f"{shown[: LABEL - 1]}…"


def _plot(title: str, height: float, paint: Callable[[Axes], None]) -> Plot:
    with mpl.rc_context({**STYLE, "svg.hashsalt": title}), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a script that the measuring font lacks: the page's font shows it
        figure = Figure(figsize=(WIDTH, height))
        FigureCanvasSVG(figure)
        paint(figure.add_subplot())
        out = StringIO()
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None})
    return title, _for_the_page(out.getvalue())


def _for_the_page(svg: str) -> str:
    """The drawing alone, as wide as the page, in the page's colours."""
    head, tag, body = svg[svg.index("<svg") :].partition(">")
    head = re.sub(r' (width|height)="[^"]*"', "", head)
    for name, colour in COLOURS.items():
        body = body.replace(colour, f"var(--{name})")
    return f'{head} role="img"{tag}{body}'


def _by_day(days: Sequence[tuple[date, Difference]], axes: Axes) -> None:
    bottoms = [0] * len(days)
    for kind in KINDS:
        heights = [getattr(row.counts, kind) for _, row in days]
        axes.bar([_number(day) for day, _ in days], heights, 0.82, bottoms, color=COLOURS[kind], label=kind)
        bottoms = [bottom + height for bottom, height in zip(bottoms, heights, strict=True)]
    _dated(axes)
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.grid(axis="y")
    _legend(axes)


def _by_group(rows: Sequence[Difference], axes: Axes) -> None:
    lefts, places = [0] * len(rows), list(range(len(rows)))
    for kind in KINDS:
        widths = [getattr(row.counts, kind) for row in rows]
        axes.barh(places, widths, 0.72, lefts, color=COLOURS[kind], label=kind)
        lefts = [left + width for left, width in zip(lefts, widths, strict=True)]
    axes.set_yticks(places, [label(row.group) for row in rows])
    axes.tick_params(axis="y", length=0)
    axes.invert_yaxis()
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.grid(axis="x")
    _legend(axes)


def _before_and_after(pairs: Sequence[Pair], axes: Axes) -> None:
    times = [_number(time) for time, _, _ in pairs]
    before, after = [pair[1] for pair in pairs], [pair[2] for pair in pairs]
    axes.vlines(times, before, after, color=COLOURS["rule"], linewidth=1.4)
    axes.plot(times, before, "o", color=COLOURS["removed"], markersize=5, fillstyle="none", label="before")
    axes.plot(times, after, "o", color=COLOURS["changed"], markersize=5, label="after")
    _dated(axes)
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.grid(axis="y")
    _legend(axes)


def _dated(axes: Axes) -> None:
    locator = DATES.AutoDateLocator(minticks=3, maxticks=8)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(DATES.ConciseDateFormatter(locator))


def _legend(axes: Axes) -> None:
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3, frameon=False, borderaxespad=0.2, handlelength=1)


def _number(time: date) -> float:
    return float(DATES.date2num(time))


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None


def _changed_numbers(samples: Sequence[Sample]) -> list[tuple[str, list[Pair]]]:
    """Series with several changed numbers among the samples, the most sampled first."""
    found: dict[str, list[Pair]] = defaultdict(list)
    for sample in samples:
        pair = _pair(sample)
        if pair:
            found[f"{label(sample.name)} of {label(sample.device)}"].append(pair)
    several = [(series, sorted(pairs)) for series, pairs in found.items() if len(pairs) > 1]
    return sorted(several, key=lambda item: -len(item[1]))


def _pair(sample: Sample) -> Pair | None:
    if sample.kind != "changed":
        return None
    try:
        return datetime.fromtimestamp(sample.time / SECOND, UTC), float(sample.before), float(sample.after)
    except (ValueError, OverflowError):
        return None
