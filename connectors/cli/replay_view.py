"""How replays are shown to a person: a bar while one runs, tables of what it found, and what to do next."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from connectors.api.times import from_ns
from streams.core.replay_record import Replay
from streams.replay import job
from streams.replay.job import Counts, Figures, Mode, State
from streams.replay.store import Difference, Sample

COLOURS = {
    "added": "green",
    "removed": "red",
    "changed": "yellow",
    "failed": "red",
    "ready": "cyan",
    "applied": "green",
}
TITLES = {"device": "by device", "measurement": "by measurement", "codec": "by codec", "day": "by day"}
BAR_WIDTH = 16
PATIENCE_S = 3
"""A worker that is there takes a replay up before."""
KINDS = ("added", "changed", "removed", "same")
ALONE = "no worker has taken it up yet (`isthmus run replay`)"

Show = Callable[[Replay, job.Progress], None]


@contextmanager
def bar(*, quiet: bool = False) -> Iterator[Show]:
    """Shows progress on stderr: a bar in a terminal, else a line for each step; nothing when ``quiet``."""
    console = Console(stderr=True, emoji=False)
    if quiet:
        yield lambda *_: None
    elif not console.is_terminal:
        yield _Lines().show
    else:
        columns = (_said("description"), BarColumn(BAR_WIDTH), _said("fields[how_far]"))
        with Progress(*columns, console=console, transient=True) as progress:
            yield _Bar(progress).show


def _said(what: str) -> TextColumn:
    return TextColumn(f"{{task.{what}}}", markup=False)


def progress_of(replay: Replay, now: int) -> job.Progress:
    """What its runner said last; that it waits for one, when it does so for long. ``now``: ns."""
    alone = ALONE if now - replay.changed_at > PATIENCE_S * 1_000_000_000 else ""
    if replay.state == State.QUEUED and not replay.runner:
        return job.Progress(step="queued", paused=alone)
    if replay.state not in job.WORKING:
        return job.Progress(step=f"{replay.wish} asked for", paused=alone)
    said = msgspec.json.decode(replay.progress, type=job.Progress)
    return msgspec.structs.replace(said, paused=replay.error) if replay.error else said


def print_plan(console: Console, plan: Mapping[str, Any]) -> None:
    """``streams.replay.plan.Plan``, as the API says it."""
    about = timedelta(seconds=max(1, round(plan["seconds"])))
    console.print(
        f"[b]{plan['records']:,} raw record(s)[/] to read ({plan['archived']:,} in the archive), about {about}"
    )
    table = _table(None, "partition", "from", "up to", "in Kafka from")
    for partition, span in plan["partitions"].items():
        table.add_row(partition, *(str(span[name]) for name in ("start", "end", "kafka_from")))
    if plan["partitions"]:
        console.print(table)
    for hole in plan["holes"]:
        line = "missing: raw partition {partition}, offsets {first} to {last}: {why}".format(**hole)
        console.print(line, style="red", markup=False)
    if not plan["deployed"]:
        console.print("this code is not what decodes live data: deploy it before applying", style="yellow")


def print_dry_run(
    console: Console, replay: Replay, groups: Mapping[str, Sequence[Difference]], samples: Sequence[Sample]
) -> None:
    """What a replay found: figures, the diff by everything where something differs, samples."""
    print_figures(console, replay)
    for by, found in groups.items():
        if differing := [one for one in found if one.counts.differing]:
            console.print(_groups(by, differing))
    if samples:
        console.print(_samples(samples))


_SHIELDED = {
    False: "point(s) would differ but stay: a later record outside of the replay wrote them",
    True: "point(s) are not put back: a correction or an undo withdrew them, or a later record has their time",
}


def print_figures(console: Console, replay: Replay) -> None:
    """One line each on what was read, what differs, and what was left out."""
    f = figures(replay)
    console.print(f"[b]replay {replay.id}[/] ({replay.mode}): {counted(f.counts)}")
    if replay.mode == Mode.RESTORE and f.counts.changed + f.counts.removed:
        console.print("only the added ones are put back: the others stand otherwise, and stay")
    console.print(f"{f.records} raw record(s) read, {f.selected} selected, {f.points} point(s) compared")
    left_out = {
        _SHIELDED[replay.mode == Mode.RESTORE]: f.shielded,
        "record(s) end as dead letters": f.dead_letters,
        "record(s) were decoded by code that this code cannot stand for": f.foreign,
    }
    for what, number in left_out.items():
        if number:
            console.print(f"{number} {what}")
    for hole in f.holes:
        console.print(f"missing: {hole}", style="red", markup=False)


def outcome(replay: Replay) -> str:
    """What happened, and what can be done next; for a replay that rests."""
    number, f = replay.id, figures(replay)
    if replay.state == State.READY and replay.candidates:
        return f"nothing was changed; to correct, deploy {', '.join(replay.candidates)} and run the replay without trying it (this was {number})"
    if replay.state == State.READY and not f.counts.differing:
        return "nothing differs: there is nothing to apply"
    if replay.state == State.APPLIED and replay.mode == Mode.RESTORE:
        return (
            f"{f.counts.added} lost point(s) are back, as they were, visible at once (in {f.visible_ms:.0f} ms); nothing else "
            f"was touched; take it back with: isthmus replay undo {number}"
        )
    return {
        State.READY: f"nothing was changed yet; apply it with: isthmus replay apply {number}",
        State.APPLIED: f"applied: {counted(f.counts, KINDS[:3])} at generation {replay.generation}; visible at once (in {f.visible_ms:.0f} ms), "
        f"{f.windows} window(s) computed anew, {f.apply_s:.1f} s in all; take it back with: isthmus replay undo {number}",
        State.UNDONE: f"undone at generation {replay.undo_generation}: {_taken_back(f.left_alone)}",
        State.CANCELLED: "cancelled: nothing was changed",
        State.FAILED: f"failed while {replay.failed_in}: {replay.error}\n"
        f"try again where it failed with: isthmus replay run --resume {number}",
    }.get(State(replay.state), f"{replay.state}; follow it with: isthmus replay status {number} --follow")


def _taken_back(left_alone: int) -> str:
    if not left_alone:
        return "all is as it was before"
    return (
        f"as it was before, but for {left_alone} row(s) that stay: live data, or a correction that cannot be undone "
        "any more, took their place"
    )


def listing(replays: Sequence[Replay]) -> Table:
    """A table of replays."""
    table = _table(None, "id", "state", "mode", "added", "changed", "removed", "asked by", "at", "why")
    for replay in replays:
        counts = figures(replay).counts
        numbers = (counts.added, counts.changed, counts.removed)
        said = (replay.created_by, _time(replay.created_at)[:19], replay.why)
        state = f"[{COLOURS.get(replay.state, 'default')}]{_state(replay)}[/]"
        table.add_row(str(replay.id), state, replay.mode, *map(str, numbers), *map(escape, said))
    return table


def details(shown: Mapping[str, Any]) -> Table:
    """Everything that is known of a replay (or planned for one), a line for each; what is empty is left out."""
    table = Table(box=None, pad_edge=False, show_header=False)
    for name, value in _flat(shown):
        table.add_row(f"[b]{escape(name.replace('_', ' '))}[/]", escape(str(value)))
    return table


def counted(counts: Counts, kinds: Sequence[str] = KINDS) -> str:
    """In words."""
    return ", ".join(f"{getattr(counts, kind)} {kind}" for kind in kinds)


def figures(replay: Replay) -> Figures:
    """What it counted."""
    return msgspec.json.decode(replay.figures, type=Figures)


class _Bar:
    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("", how_far="", total=None)

    def show(self, replay: Replay, now: job.Progress) -> None:
        self._progress.update(
            self._task,
            description=_what(replay, now),
            total=now.total or None,
            completed=now.done,
            how_far=_how_far(now),
        )


class _Lines:
    def __init__(self) -> None:
        self._step, self._said = "", set[bool]()

    def show(self, replay: Replay, now: job.Progress) -> None:
        """A step is told once, and once that it pauses, however often it does."""
        step, pauses = _what(replay, now), bool(now.paused)
        said = self._said if step == self._step else set()
        if pauses not in said and (pauses or not said):
            print(f"{step} ({now.paused})" if pauses else step, file=sys.stderr)
        self._step, self._said = step, said | {pauses}


def _what(replay: Replay, now: job.Progress) -> str:
    return f"replay {replay.id}: {now.step or replay.state}"


def _how_far(now: job.Progress) -> str:
    if now.paused:
        return f"pauses: {now.paused}"
    parts = [
        f"{now.done:,} of {now.total:,}" if now.total else "",
        f"{now.rate:,.0f}/s" if now.rate else "",
        f"{timedelta(seconds=round(now.eta_s))} left" if now.eta_s >= 0 else "",
    ]
    return "  ".join(filter(None, parts))


def _state(replay: Replay) -> str:
    left = figures(replay).left_alone
    said = f"{replay.wish} wished" if replay.wish else f"but {left} row(s)" if left else ""
    return f"{replay.state} ({said})" if said else replay.state


def _groups(by: str, found: Sequence[Difference]) -> Table:
    table = _table(TITLES[by], by, *KINDS, "mean change", "largest change")
    for one in found:
        numbers = (str(getattr(one.counts, kind)) for kind in KINDS)
        table.add_row(escape(one.group or "-"), *numbers, _number(one.mean_change), _number(one.largest_change))
    return table


def _samples(samples: Sequence[Sample]) -> Table:
    table = _table("samples", "", "device", "measurement", "time", "before", "after", "raw")
    for one in samples:
        before, after = _with_place(one.before, one, one.before_uid), _with_place(one.after, one, one.after_uid)
        kind = f"[{COLOURS.get(one.kind, 'default')}]{one.kind}[/]"
        named = (one.device, one.name, _time(one.time), before, after, f"{one.partition}@{one.offset}")
        table.add_row(kind, *map(escape, named))
    return table


def _with_place(text: str, sample: Sample, uid: int) -> str:
    """The logical device is told where it changes."""
    return f"{text} at {uid or 'no place'}" if text and sample.before_uid != sample.after_uid else text


def _table(title: str | None, *headings: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for heading in headings:
        number = heading in {*KINDS, "mean change", "largest change", "id"}
        table.add_column(heading, justify="right" if number else "left", overflow="fold")
    return table


def _rounded(value: Any) -> Any:
    return round(value, 3) if isinstance(value, float) else value


def _time(ns: int) -> str:
    return from_ns(ns).removesuffix("+00:00")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def _flat(shown: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in shown.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name} ")
        elif value not in ("", None, [], 0, 0.0, -1, -1.0):
            yield f"{before}{name}", ", ".join(map(str, value)) if isinstance(value, list) else _rounded(value)
