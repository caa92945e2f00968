"""How dead letters are shown to a person, and to a program."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from connectors.api.times import from_ns
from connectors.cli.replay_end import print_json
from connectors.dead_letters.letters import identity
from connectors.dead_letters.resubmit import Outcome
from connectors.trace import view
from streams.core.records import DeadLetter, Lineage

NONE = "no dead letter is like this"


def one(told: dict[str, Any], console: Console) -> None:
    """A letter with its raw record, and what decoding makes of it now."""
    letter: DeadLetter = told["letter"]
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    table.add_row("id", view.escape(told["id"]))
    for name in ("stage", "reason", "detail", "source", "device", "decoder", "body", "correlation_id"):
        value = getattr(letter, name)
        if value:
            table.add_row(name.replace("_", " "), view.escape(str(value)))
    table.add_row("at", from_ns(letter.at))
    if told.get("fault"):
        table.add_row("fault", f"[red]{view.escape(told['fault'])}[/red]")
    console.print(table)
    if told["raw"] is not None:
        view.show_record(Lineage(letter.raw_partition, letter.raw_offset), told["raw"], told["decoding"], console)


def letters(found: Sequence[DeadLetter], *, as_json: bool) -> None:
    """The letters, one in a line."""
    if as_json:
        print_json([{"id": identity(letter)} | msgspec.to_builtins(letter) for letter in found])
        return
    if not found:
        print(NONE)
        return
    table = Table("id", "at", "reason", "device", "detail", box=None, pad_edge=False)
    table.columns[0].no_wrap = True
    for letter in found:
        told = (letter.reason, letter.device or letter.source, letter.detail[:120])
        table.add_row(view.escape(identity(letter)), from_ns(letter.at)[:19], *map(view.escape, told))
    Console(highlight=False, emoji=False).print(table)


def counts(found: Sequence[tuple[str, str, int, int]], *, as_json: bool) -> None:
    """How many there are of each stage and reason, and when the newest was."""
    if as_json:
        names = ("stage", "reason", "letters", "newest")
        print_json([dict(zip(names, (*row[:3], from_ns(row[3])), strict=True)) for row in found])
        return
    table = Table("stage", "reason", "letters", "newest", box=None, pad_edge=False)
    for stage, reason, number, newest in found:
        table.add_row(view.escape(stage), view.escape(reason), str(number), from_ns(newest)[:19])
    Console(highlight=False, emoji=False).print(table if found else NONE)


def outcome(one: Outcome) -> dict[str, str]:
    """What became of a letter, for programs."""
    return {"id": identity(one.letter), "fate": one.fate.value, "detail": one.detail}


def outcomes(found: Sequence[Outcome]) -> None:
    """What became of diverted records."""
    console = Console(highlight=False, emoji=False)
    for one in found:
        console.print(view.escape(f"{identity(one.letter)}: {one.fate.value} ({one.detail})"))
    if found:
        counted = Counter(one.fate.value for one in found)
        console.print(", ".join(f"{number} {fate}" for fate, number in sorted(counted.items())))
