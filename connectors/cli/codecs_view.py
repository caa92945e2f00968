"""How codecs, and what became of their examples, are shown to a person."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from streams.javascript.examine import Checked, Examined

TARGETS_SHOWN = 3


def console() -> Console:
    """Shows what is said as it is: in a device key, `:a:` is no emoji."""
    return Console(highlight=False, emoji=False)


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


def print_registered(console: Console, answer: Mapping[str, Any]) -> None:
    """What was registered, and the replay that it calls for."""
    codec, examined, replay = answer["codec"], answer["examined"], answer["replay"]
    if examined is not None and not examined["passed"]:
        print_checked(console, [one for one in read_checked(examined["checked"]) if not one.passed])
    told = f", mode {codec['mode']}: {examined['why']}" if examined else ""
    console.print(f"[green]{escape(codec['name'])}@{codec['hash'][:12]}[/] is registered{escape(told)}")
    console.print(f"it reads {escape(', '.join(codec['applies_to']))}, from the next message on")
    if codec["failing"]:
        console.print(f"[yellow]{codec['failing']} of {codec['examples']} example(s) come out otherwise[/]")
    if replay:
        print_suggestion(console, replay)


def print_suggestion(console: Console, replay: Mapping[str, Any]) -> None:
    """The command to type, and what is known of the records."""
    devices, waiting, since = replay["devices"], replay["waiting"], replay["since"]
    facts = [replay["why"]]
    facts += [] if devices is None else [f"{devices} device(s)"]
    facts += [f"{waiting:,} dead letter(s) since {since[:19]}"] if waiting else []
    console.print(f"the past: {escape('; '.join(facts))}. See what would change, nothing is touched:")
    console.print(f"  [b]{escape(replay['command'])}[/]", soft_wrap=True)


def print_codecs(console: Console, codecs: Sequence[Mapping[str, Any]]) -> None:
    """One line for each."""
    if not codecs:
        console.print("no codec is registered; `isthmus codecs add --help` says how")
        return
    made = table(None, "name", "hash", "language", "mode", "examples", "applies to", "changed")
    for codec in codecs:
        failing = f" [red]({codec['failing']} fail)[/]" if codec["failing"] else ""
        targets = codec["applies_to"]
        more = f" … {len(targets)} in all" if len(targets) > TARGETS_SHOWN else ""
        made.add_row(
            escape(codec["name"]), codec["hash"][:12], codec["language"], codec["mode"], f"{codec['examples']}{failing}",
            escape(", ".join(targets[:TARGETS_SHOWN]) + more), f"{codec['changed_at'][:19]} {escape(codec['changed_by'])}",
        )  # fmt: skip
    console.print(made)


def print_codec(console: Console, codec: Mapping[str, Any]) -> None:
    """All of it but its code."""
    failing = f", {codec['failing']} of them come out otherwise" if codec["failing"] else ""
    lenient = ", a bare object counts as data" if codec["lenient"] else ""
    facts = {
        "name": codec["name"],
        "sha-256": codec["hash"],
        "language": f"{codec['language']}, {codec['bytes']:,} bytes",
        "mode": f"{codec['mode']}{lenient}",
        "applies to": "\n".join(codec["applies_to"]),
        "examples": f"{len(codec['examples'])}{failing}",
        "changed": f"{codec['changed_at'][:19]} by {codec['changed_by']}",
        "why": codec["why"],
    }
    made = table(None, "", "")
    made.show_header = False
    for what, told in facts.items():
        made.add_row(f"[b]{what}[/]", escape(told))
    console.print(made)


def read_checked(shown: Sequence[Mapping[str, Any]]) -> list[Checked]:
    """Examples as the API tells of them."""
    return msgspec.convert(list(shown), list[Checked])


def table(title: str | None, *columns: str) -> Table:
    """An empty table without lines."""
    made = Table(*columns, title=title, title_justify="left", box=None, header_style="bold", pad_edge=False)
    made.columns[0].no_wrap = True
    return made
