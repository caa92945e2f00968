"""A trace for people: one block per stage, in the order of the flow."""

from collections.abc import Iterable, Iterator

from rich import markup
from rich.console import Console
from rich.table import Table

from connectors.dead_letters.letters import identity
from connectors.replays.report import moment
from connectors.trace.found import Decoding, Passed, Raw, Row, StoredPoint, Trace, Window
from streams.core.block import count, last
from streams.core.records import Block, DeadLetter, Lineage, Measurement, Reading

SHOWN = 60
"""lines of a block; JSON has them all"""
PAYLOAD = 200
VERDICTS = {"current": "green", "masked": "yellow", "withdrawn": "yellow", "missing": "red"}


def show(trace: Trace, console: Console) -> None:
    """Print it."""
    for title, lines in _blocks(trace):
        _print(title, lines, console)


def show_record(lineage: Lineage, raw: Raw, decoding: Decoding | None, console: Console) -> None:
    """Print a raw record and what decoding makes of it."""
    _print("raw", _raw(lineage, raw), console)
    _print("decoding", _decoding(decoding), console)


def _print(title: str, lines: Iterable[str], console: Console) -> None:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", min_width=12)
    table.add_column(overflow="fold")
    shown = list(lines)
    for number, line in enumerate(shown[:SHOWN]):
        table.add_row("" if number else title, line)
    if len(shown) > SHOWN:
        table.add_row("", f"… and {len(shown) - SHOWN} more (--json has all)")
    if shown:
        console.print(table)


def escape(text: str) -> str:
    """What others wrote, as markup that shows it: no styles, no escape sequences of terminals."""
    return markup.escape("".join(c if c.isprintable() else "·" for c in text))


def _blocks(trace: Trace) -> Iterator[tuple[str, Iterable[str]]]:
    yield "raw", _raw(trace.lineage, trace.raw)
    yield "decoding", _decoding(trace.decoding)
    yield "readings", _readings(trace)
    yield "points", map(_point, trace.points)
    yield "windows", map(_window, trace.windows)
    yield "latest", (_latest(one.device, one.name, one.time, ours=one.is_ours) for one in trace.latest)
    yield "dead letters", map(letter_line, trace.dead_letters)
    yield "readers", map(_passed, trace.passed)
    yield "files", map(escape, trace.files)
    yield "replays", _replays(trace)
    yield "searched", map(escape, trace.searched)
    yield "no answer", (f"[red]{escape(fault)}[/red]" for fault in trace.faults)


def letter_line(letter: DeadLetter) -> str:
    """A dead letter in one line, as markup."""
    device = f" {escape(letter.device)}" if letter.device else ""
    return f"[yellow]{escape(identity(letter))}[/yellow] {escape(letter.reason)}{device}: {escape(letter.detail[:300])}"


def payload(data: bytes) -> str:
    """Bytes as text where they are text, else as hex; the beginning of them."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = ""
    if text and all(c.isprintable() or c in "\r\n\t" for c in text):
        return text if len(text) <= PAYLOAD else f"{text[:PAYLOAD]}…"
    shown = data[: PAYLOAD // 2].hex(" ")
    return f"hex {shown}{' …' if len(data) > PAYLOAD // 2 else ''}"


def measured(m: Measurement) -> str:
    """A measurement in one line."""
    value = m.text if m.value is None else f"{m.value!r}"
    place = f"logical device {m.logical_uid}" if m.logical_uid is not None else "unmapped"
    return f"{m.name} = {value} {m.unit} at {moment(m.time)}, {place}".replace("  ", " ")


def _block(block: Block) -> str:
    """A block in one line."""
    place = f"logical device {block.logical_uid}" if block.logical_uid is not None else "unmapped"
    span = f"from {moment(block.start)} to {moment(last(block))}"
    return f"{block.name}: {count(block)} sample(s) {block.unit} {span}, {place}".replace("  ", " ")


def _samples(reading: Reading) -> str:
    number = sum(map(count, reading.blocks))
    return f"{number} sample(s) in {len(reading.blocks)} block(s), " if number else ""


def _raw(lineage: Lineage, raw: Raw) -> Iterator[str]:
    place = f"{lineage.partition}:{lineage.offset}" if lineage.partition >= 0 else "not in raw;"
    if not raw.held_by:
        yield f"{place} [red]{escape(raw.fault)}[/red]"
        return
    appended = f", appended {moment(raw.appended_at)}" if raw.appended_at else ""
    yield f"{place} from {raw.held_by}{appended}"
    if raw.record is None:
        yield f"[red]cannot be opened: {escape(raw.fault)}[/red]"
        return
    record = raw.record
    yield escape(f"id {record.id}, received {moment(record.received_at)} by {record.connector or 'unknown'}")
    yield escape(f"source {record.source}, {record.transport} {record.address}, {len(record.payload)} bytes")
    yield escape(payload(record.payload))


def _decoding(decoding: Decoding | None) -> Iterator[str]:
    if decoding is None:
        return
    live = f"generation {decoding.live_generation}" if decoding.live_generation is not None else "no generation"
    if decoding.live_is_ours:
        yield f"as live decoding had it: {live}, of the code that is here"
    else:
        here = f"; this code would give it generation {decoding.generation}" if decoding.generation is not None else ""
        yield f"[yellow]live decoding was {live}, of other code: what follows is what this code makes of it{here}[/yellow]"
    for reading in decoding.readings:
        codec = f", codec {reading.codec}" if reading.codec else ""
        yield escape(f"{reading.device} by {reading.decoder}{codec}, reading {reading.index}")
        yield from (escape(f"  {measured(m)}") for m in reading.measurements)
        yield from (escape(f"  {_block(block)}") for block in reading.blocks)
    yield from map(letter_line, decoding.dead_letters)
    yield from (escape(f"ignored, {reason}") for reason in decoding.ignored)


def _readings(trace: Trace) -> Iterator[str]:
    for logged in trace.readings:
        reading = logged.reading
        after = ""
        if trace.raw.appended_at:
            after = f", {(logged.appended_at - trace.raw.appended_at) / 1e9:.3f} s after raw"
        yield escape(
            f"{logged.partition}:{logged.offset} {reading.device}, {len(reading.measurements)} measurement(s), "
            f"{_samples(reading)}"
            f"generation {reading.generation}{after}"
        )
    if not trace.readings:
        yield "none found (they are kept for some days)"


def _point(point: StoredPoint) -> str:
    colour = VERDICTS.get(point.verdict, "white")
    stale = not point.expected and point.verdict == "current"
    note = " [yellow](decoding gives it no more)[/yellow]" if stale else ""
    shown = f" = {_value(point.shown)}" if point.shown else ""
    name = escape(f"{point.device} {point.name} at {moment(point.time)}{shown}")
    others = "".join(f"; was {_value(row)} in generation {row.generation}" for row in _hidden(point))
    return f"[{colour}]{point.verdict}[/{colour}] {name} ({escape(point.why)}){escape(others)}{note}"


def _hidden(point: StoredPoint) -> list[Row]:
    return [row for row in point.own if row != point.shown and not row.deleted]


def _value(row: Row) -> str:
    place = f" [logical device {row.logical_uid}]" if row.logical_uid else ""
    return (row.text if row.value is None else repr(row.value)) + place


def _window(window: Window) -> str:
    what = escape(f"{window.device} {window.name}, {window.window_s} s from {moment(window.start)}")
    if not window.count:
        return f"{what}: [yellow]none[/yellow]"
    return f"{what}: {window.count} point(s), mean {window.mean:.6g}, generation {window.generation}"


def _latest(device: str, name: str, time: int, *, ours: bool) -> str:
    return escape(f"{device} {name}: {'this record' if ours else 'another record'}, {moment(time)}")


def _passed(one: Passed) -> str:
    place = f"{one.topic} {one.partition}:{one.offset}"
    if one.past:
        return f"[green]past[/green] {one.group}: {place}"
    at = "it has never committed" if one.committed < 0 else f"it is at {one.committed}"
    return f"[yellow]not yet[/yellow] {one.group}: {place}, {at}"


def _replays(trace: Trace) -> Iterator[str]:
    for one in trace.replays:
        sure = "" if one.certain else " (perhaps: by what the store held then)"
        numbers = [f"generation {one.generation}"] if one.generation is not None else []
        numbers += [f"undone by {one.undo_generation}"] if one.undo_generation is not None else []
        yield escape(f"replay {one.id} {one.mode}, {one.state}{sure} {' '.join(numbers)} {one.why}".strip())
