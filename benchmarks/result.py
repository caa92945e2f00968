"""What a benchmark says: one value against its target, and how it was come by."""

import json
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct, to_builtins
from rich.console import Console
from rich.table import Table


class Result(Struct, frozen=True, kw_only=True):
    """One figure. ``at_least``: the target is a floor, else a ceiling."""

    name: str
    value: float
    unit: str
    target: float
    at_least: bool
    detail: str = ""

    @property
    def met(self) -> bool:
        """Whether the target was reached."""
        return self.value >= self.target if self.at_least else self.value <= self.target


def write(results: Iterable[Result], path: Path) -> None:
    """Merge into ``path``: {"<name>": {"value", "unit", "target", "met", "detail"}}."""
    path.parent.mkdir(parents=True, exist_ok=True)
    known = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    for result in results:
        entry = to_builtins(result) | {"met": result.met}
        known[entry.pop("name")] = entry
    path.write_text(json.dumps(known, indent=1) + "\n", "utf-8")


def show(results: Iterable[Result]) -> None:
    """Print a table."""
    table = Table("figure", "value", "unit", "target", "met", "detail", title="benchmarks")
    for r in results:
        target = f"{'≥' if r.at_least else '≤'} {r.target:g}"
        table.add_row(r.name, f"{r.value:,.3g}", r.unit, target, "yes" if r.met else "[red]no[/red]", r.detail)
    Console().print(table)
