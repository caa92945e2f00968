"""How the stack is shown to a person: progress while it starts, a table of its processes, where to look next."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import typer
from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn
from rich.table import Table

from deploy.local.status import ProcessStatus, StackStatus, State
from streams.settings import Settings

CONSOLE = Console(emoji=False)
COLOURS = {
    State.READY: "green",
    State.DONE: "green",
    State.BACKOFF: "red",
    State.FAILED: "red",
    State.UNREADY: "yellow",
}
UP = frozenset(COLOURS)
DOWN = frozenset((State.STOPPED,))
REFRESH_PER_S = 4

Show = Callable[[StackStatus], None]


@contextmanager
def download(total: int) -> Iterator[Callable[[int], None]]:
    """A bar for ``total`` bytes; nothing when there is nothing to download."""
    if not total:
        yield lambda _: None
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn())
    with Progress(*columns, console=CONSOLE) as progress:
        task = progress.add_task("Kafka and MQTT broker", total=total)
        yield lambda size: progress.advance(task, size)


@contextmanager
def display(told: Collection[State] = UP) -> Iterator[Show]:
    """A live table in a terminal; elsewhere a line for each process that comes into a state of ``told``."""
    if not CONSOLE.is_terminal:
        yield _Lines(told).show
        return
    with Live(console=CONSOLE, refresh_per_second=REFRESH_PER_S, transient=True) as live:
        yield lambda now: live.update(_table(now))


def show(now: StackStatus) -> None:
    """The table, once."""
    CONSOLE.print(_table(now))


def document(now: StackStatus | None, orphans: list[str]) -> dict[str, Any]:
    """The status for programs."""
    known = msgspec.to_builtins(now) if now is not None else {"processes": []}
    return {"running": now is not None, "ready": now is not None and now.ready, "orphans": orphans, **known}


def elsewhere(settings: Settings, external: Mapping[str, str]) -> Iterator[str]:
    """A line for each server that is not started, because the settings point past the stack."""
    ports = {
        "kafka": settings.stack.kafka_port,
        "mqtt": settings.stack.mqtt_port,
        "clickhouse": settings.stack.clickhouse_port,
    }
    for name, address in external.items():
        yield f"{name}: the settings point to {address}, not to 127.0.0.1:{ports[name]} (stack.{name}_port): not started"


def addresses(settings: Settings, only: Collection[str] | None = None) -> str:
    """Where to go from here; ``only``: the servers that were asked for."""
    lines = [
        ("kafka", f"Kafka       {settings.kafka.bootstrap_servers}"),
        *(("mqtt", f"MQTT        {broker.host}:{broker.port}") for broker in settings.mqtt.brokers),
        ("clickhouse", f"ClickHouse  {settings.clickhouse.url} (database {settings.clickhouse.database})"),
        ("webhook", f"webhooks    http://{settings.webhook.host}:{settings.webhook.port}"),
        ("api", f"API         http://{settings.api.host}:{settings.api.port}/docs"),
    ]
    return "\n".join(["the stack is up", *(f"  {line}" for name, line in lines if only is None or name in only)])


def size(directory: Path) -> str:
    """What a directory holds, for a person."""
    total = sum(file.lstat().st_size for file in directory.rglob("*") if file.is_file() and not file.is_symlink())
    return f"{total / 1e6:8.1f} MB"


class _Lines:
    """One line for each change."""

    def __init__(self, told: Collection[State]) -> None:
        self._told = told
        self._seen: dict[str, State] = {}
        self._began = time.monotonic()

    def show(self, now: StackStatus) -> None:
        for process in now.processes:
            if self._seen.get(process.name) is not process.state and process.state in self._told:
                typer.echo(f"{time.monotonic() - self._began:6.1f} s  {process.name} {process.state}")
            self._seen[process.name] = process.state


def _table(now: StackStatus) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("process", "state", "for", "pid", "memory", "restarts", "last exit"):
        table.add_column(heading, justify="left" if heading in {"process", "state"} else "right")
    for process in now.processes:
        table.add_row(*_row(process))
    return table


def _row(process: ProcessStatus) -> tuple[str, ...]:
    colour = COLOURS.get(process.state, "default")
    return (
        process.name,
        f"[{colour}]{process.state}[/]",
        _duration(time.time() - process.since),
        str(process.pid or ""),
        f"{process.rss_bytes / 1e6:.0f} MB" if process.rss_bytes else "",
        str(process.restarts or ""),
        "" if process.exit_status is None else str(process.exit_status),
    )


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
