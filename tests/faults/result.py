"""What a case says, and how it is shown and kept."""

import json
from collections.abc import Iterable
from pathlib import Path
from statistics import median

from msgspec import Struct, field, to_builtins
from rich.table import Table

MB = 2**20
FRESH_S = 10.0
"""so soon after a kill a newer message's row must be there"""


class Kill(Struct, frozen=True):
    """One process was killed. Seconds until a newer message's row was there, and until the process was ready again."""

    victim: str
    fresh_row_s: float
    ready_s: float


class Result(Struct, kw_only=True):
    """One case. Times in seconds; ``peak_rss``: bytes by process; ``faults``: one line per thing that must not be.

    ``waits``: the factor of long waits. ``unchecked``: reason -> contents that the checker could not judge and took as they
    are. ``ended``: process -> statuses with which it ended by itself. ``committed_unhandled``: commits beyond what was done.
    """

    name: str
    row: int
    seed: int
    waits: float = 1
    sent: int = 0
    acknowledged: int = 0
    points: int = 0
    missing: int = 0
    extra: int = 0
    wrong: int = 0
    unchecked: dict[str, int] = field(default_factory=dict)
    recovery_s: float | None = None
    lag_zero_s: float = 0
    settled_s: float = 0
    took_s: float = 0
    kills: int = 0
    killed: list[Kill] = field(default_factory=list)
    """those of them that were waited for, one by one"""
    ended: dict[str, list[int]] = field(default_factory=dict)
    committed_unhandled: float = 0
    peak_rss: dict[str, int] = field(default_factory=dict)
    must_fail: bool = False
    """an anchor or a mutant: the checker must see a fault"""
    skipped: str = ""
    """why it could not be run on this machine"""
    faults: list[str] = field(default_factory=list)
    notes: dict[str, float] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Nothing missing, extra or wrong; or something, where that must be. What was not run has not passed."""
        if self.skipped:
            return False
        return bool(self.missing or self.extra or self.wrong) if self.must_fail else not self.faults


def write(results: Iterable[Result], path: Path) -> None:
    """As JSON: a list of cases."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cases = [to_builtins(result) | {"passed": result.passed} for result in results]
    path.write_text(json.dumps(cases, indent=1) + "\n", "utf-8")


def table(results: Iterable[Result]) -> Table:
    """For a terminal."""
    columns = ("case", "row", "seed", "sent", "ack.", "points", "missing", "extra", "wrong", "not judged", "fresh row",
               "settled", "peak RSS", "")  # fmt: skip
    made = Table(*columns, title="faults")
    for r in results:
        largest = max(r.peak_rss.items(), key=lambda item: item[1], default=("", 0))
        made.add_row(
            *(r.name, str(r.row or ""), str(r.seed), str(r.sent), str(r.acknowledged), str(r.points)),
            *(str(r.missing), str(r.extra), str(r.wrong), str(sum(r.unchecked.values()))),
            "" if r.recovery_s is None else f"{r.recovery_s:.1f} s",
            f"{r.settled_s:.1f} s",
            f"{largest[1] / MB:.0f} MB {largest[0]}",
            _verdict(r),
        )
    return made


def recoveries(results: Iterable[Result]) -> Table:
    """How soon rows came again after kills of one process, by process."""
    found: dict[str, list[Kill]] = {}
    for kill in (kill for result in results for kill in result.killed):
        found.setdefault(kill.victim, []).append(kill)
    columns = ("killed", "times", "fresh row, median", "longest", f"within {FRESH_S:.0f} s", "ready, longest")
    made = Table(*columns, title="recovery")
    for victim, kills in sorted(found.items()):
        rows = [kill.fresh_row_s for kill in kills]
        made.add_row(
            *(victim, str(len(kills)), f"{median(rows):.1f} s", f"{max(rows):.1f} s"),
            *(str(sum(took <= FRESH_S for took in rows)), f"{max(kill.ready_s for kill in kills):.1f} s"),
        )
    return made


def memory(results: Iterable[Result]) -> Table:
    """The largest resident size of each process over all cases."""
    peaks: dict[str, int] = {}
    for name, size in (item for result in results for item in result.peak_rss.items() if item[1]):
        peaks[name] = max(size, peaks.get(name, 0))
    made = Table("process", "peak RSS", title="memory")
    for name, size in sorted(peaks.items(), key=lambda item: -item[1]):
        made.add_row(name, f"{size / MB:.0f} MB")
    return made


def _verdict(result: Result) -> str:
    if result.skipped:
        return "[yellow]not run[/yellow]"
    if result.must_fail:
        return "[green]fault seen[/green]" if result.passed else "[red]NOT SEEN[/red]"
    return "[green]holds[/green]" if result.passed else "[red]BROKEN[/red]"
