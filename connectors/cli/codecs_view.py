"""How codecs, and what became of their examples, are shown to a person."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from streams.javascript.examine import Checked, Examined


def print_examined(console: Console, name: str, examined: Examined, seconds: float | None = None) -> None:
    """Every example, what differs in those that failed, how the codec has to be run and how long a message takes."""
    if examined.fault:
        console.print(f"[red]{escape(name)} cannot be used:[/] {escape(examined.fault)}")
        return
    print_checked(console, examined.checked)
    failed = sum(not one.passed for one in examined.checked)
    took = "" if seconds is None else f", {seconds * 1e6:,.0f} µs per message"
    console.print(f"mode [b]{examined.mode}[/]: {escape(examined.why)}{took}")
    if not examined.checked:
        console.print(f"[yellow]{escape(name)} loads; it has no examples[/]")
    elif failed:
        console.print(f"[red]{failed} of {len(examined.checked)} example(s) came out otherwise[/]")
    else:
        console.print(f"[green]all {len(examined.checked)} example(s) came out[/]")


def print_checked(console: Console, checked: Sequence[Checked]) -> None:
    """A line for each example, and below it what differs."""
    for place, one in enumerate(checked, 1):
        mark = "[green]pass[/]" if one.passed else "[red]FAIL[/]"
        console.print(f"{mark}  {place:>3}  {escape(one.description)}")
        for difference in one.differences:
            console.print(f"           [yellow]{escape(difference)}[/]")


def read_checked(shown: Sequence[Mapping[str, Any]]) -> list[Checked]:
    """Examples as the API tells of them."""
    return msgspec.convert(list(shown), list[Checked])


def table(title: str | None, *columns: str) -> Table:
    """An empty table without lines."""
    made = Table(*columns, title=title, title_justify="left", box=None, header_style="bold", pad_edge=False)
    made.columns[0].no_wrap = True
    return made
