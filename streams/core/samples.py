"""Samples as senders name them -> blocks, by the rules of ``core.normalise`` but whole columns at a time.

One by one the same samples give the same points and are left out for the same reasons; ``tests/streams/core`` holds the
two against each other. A message's blocks have no two values of one name at one time: the last counts.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from msgspec import Struct, field
from numpy.typing import NDArray

from streams.core.block import TIME, VALUE, Times, Values, made
from streams.core.message import IMPLAUSIBLE, Rejected, Samples, Sender
from streams.core.names import is_name
from streams.core.payload import detail
from streams.core.place import stretches
from streams.core.records import Block, DeviceMapping
from streams.core.rules import Rules, named
from streams.core.times import EARLIEST, LATEST, to_text
from streams.core.vocabulary import plausible

SAMPLE_LIMIT = 500_000
"""16 bytes each: with it a reading stays below Kafka's largest record; raw's own limit leaves room for half as many"""


class Scope(Struct, frozen=True, gc=False):
    """What the values of one message have in common; ``latest`` is the last time that is not in the future."""

    source: str
    sender: Sender
    quality: int
    rules: Rules
    mapping: DeviceMapping | None
    latest: int


class Left(Struct, gc=False):
    """What is left out: a rejection per reason and name, and a reason for each sample that is ignored."""

    rejected: list[Rejected] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)


class _Run(Struct, frozen=True, gc=False):
    """Samples that may be kept, in the sender's order."""

    name: str
    unit: str
    quality: int
    times: Times
    values: Values


def blocks_of(samples: Sequence[Samples], scope: Scope) -> tuple[list[Block], Left]:
    """The blocks of one message; all of it is rejected when there are more than ``SAMPLE_LIMIT`` samples."""
    left = Left()
    if sum(len(one.times) for one in samples) > SAMPLE_LIMIT * TIME.itemsize:
        many = Rejected("normalise", "too-many-values", f"more than {SAMPLE_LIMIT} samples", scope.sender.device)
        left.rejected.append(many)
        return [], left
    runs: dict[str, list[_Run]] = {}
    for one in samples:
        run = _ruled(one, scope, left)
        if run is not None:
            runs.setdefault(run.name, []).append(run)
    distinct = (run for same in runs.values() for run in _distinct(same, left))
    judged = (part for run in distinct for part in _judged(run))
    return [block for run in judged for block in _placed(run, scope.mapping)], left


def _ruled(one: Samples, scope: Scope, left: Left) -> _Run | None:
    """Renamed and scaled, without what is no number or at no time; None when nothing stays."""
    times, values = np.frombuffer(one.times, TIME), np.frombuffer(one.values, VALUE)
    rule = scope.rules.find(one.name, scope.source, scope.sender) if scope.rules else None
    name, unit = named(rule, one.name, one.unit) if rule else (one.name, one.unit)
    if rule is not None:
        with np.errstate(over="ignore", invalid="ignore"):
            values = values * rule.scale + rule.offset
    if not is_name(name):
        _reject("bad-name", one, times, scope, left)
        return None
    if rule is not None and rule.drop:
        left.ignored += ["dropped-by-rule"] * len(times)
        return None
    kept = _timely(one, times, np.isfinite(values), scope, left)
    if not kept.all():
        times, values = times[kept], values[kept]
    unit = unit if is_name(unit) else ""
    return _Run(name, unit, scope.quality | one.quality, times, values) if len(times) else None


def _timely(one: Samples, times: Times, finite: NDArray[np.bool_], scope: Scope, left: Left) -> NDArray[np.bool_]:
    """Which samples are kept; the others are counted or rejected."""
    left.ignored += ["not-finite"] * int(len(finite) - np.count_nonzero(finite))
    outside, late = (times < EARLIEST) | (times >= LATEST), times > scope.latest
    for reason, faulty in (("time-out-of-range", finite & outside), ("time-in-future", finite & late & ~outside)):
        if faulty.any():
            _reject(reason, one, times[faulty], scope, left)
    return finite & ~outside & ~late


def _reject(reason: str, one: Samples, times: Times, scope: Scope, left: Left) -> None:
    name = one.name.encode("utf-8", "replace").decode()
    if len(times):
        told = detail(f"{len(times)} value(s), first at {to_text(int(times[0]))}: {name}")
        left.rejected.append(Rejected("normalise", reason, told, scope.sender.device))


def _distinct(same: Sequence[_Run], left: Left) -> Iterator[_Run]:
    """The runs of one name in order of time, the last sample of each time; one run per unit and quality."""
    first = same[0]
    times = first.times if len(same) == 1 else np.concatenate([run.times for run in same])
    if len(same) == 1 and bool((times[1:] > times[:-1]).all()):
        yield first
        return
    order = np.argsort(times, kind="stable")
    times = times[order]
    newest = np.append(times[1:] != times[:-1], True)
    left.ignored += ["duplicate"] * int(len(times) - np.count_nonzero(newest))
    order, times = order[newest], times[newest]
    values = np.concatenate([run.values for run in same])[order]
    kinds = list(dict.fromkeys((run.unit, run.quality) for run in same))
    kind = np.repeat([kinds.index((run.unit, run.quality)) for run in same], [len(run.times) for run in same])[order]
    for number, (unit, quality) in enumerate(kinds):
        chosen: Any = kind == number
        if chosen.any():
            yield _Run(first.name, unit, quality, times[chosen], values[chosen])


def _judged(run: _Run) -> Iterator[_Run]:
    """What is plausible and what is not, apart; the run itself when all of it is the same."""
    bounds = plausible(run.name, run.unit)
    good = np.ones(len(run.values), bool) if bounds is None else (run.values >= bounds[0]) & (run.values <= bounds[1])
    for chosen, quality in ((good, run.quality), (~good, run.quality | IMPLAUSIBLE)):
        if chosen.all():
            yield _Run(run.name, run.unit, quality, run.times, run.values)
        elif chosen.any():
            yield _Run(run.name, run.unit, quality, run.times[chosen], run.values[chosen])


def _placed(run: _Run, mapping: DeviceMapping | None) -> Iterator[Block]:
    """Cut where the mapping changes."""
    for low, high, interval in stretches(mapping, run.times):
        yield made(
            run.times[low:high], run.values[low:high], name=run.name, unit=run.unit, quality=run.quality,
            logical_uid=None if interval is None else interval.logical_uid,
        )  # fmt: skip
