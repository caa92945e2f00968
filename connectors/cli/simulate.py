"""`isthmus simulate`: a seeded fleet through the real doors."""

import asyncio
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from connectors.cli import registry_client
from connectors.simulator import factory, fleet, signed, vibration
from connectors.simulator.ledger import Ledger
from connectors.simulator.run import Drive, drive
from streams import settings
from streams.core.times import SECOND
from streams.settings import Settings

GENERATION_S = 10.0
"""so soon after a topic was registered its generation is open"""
FOLLOWS_S = 2.0
"""so soon after a generation the next one is open, when more had been registered meanwhile"""


def register(app: typer.Typer) -> None:
    """Add `simulate` to the command line."""
    app.command()(simulate)


def simulate(
    rate: Annotated[float, typer.Option(min=0.1, help="messages per second")] = 20,
    duration: Annotated[float, typer.Option(min=0.1, help="seconds to send for")] = 60,
    devices: Annotated[int, typer.Option(min=1, help="boxes in the fleet")] = 20,
    seed: Annotated[int, typer.Option(help="the same seed sends the same messages")] = 1,
    source: Annotated[list[str] | None, typer.Option(help="ttn, ydoc, wombat, json; repeat for several")] = None,
    speed: Annotated[
        float, typer.Option(min=0.001, help="device seconds per second: 3600 sends an hour each second")
    ] = 1,
    profile: Annotated[
        Literal["fleet", "factory40", "vibration", "signed"],
        typer.Option(
            help="factory40: forty polled sensors; vibration: a batch of samples a message; signed: signed messages. For these, "
            "of the options only rate, duration, devices, seed, start, ledger count"
        ),
    ] = "fleet",
    hz: Annotated[float, typer.Option(min=0.1, max=25_000, help="samples per second of each vibration sensor")] = 1_000,
    key: Annotated[str, typer.Option(help="that signed messages are signed with")] = "simulated",
    register_topics: Annotated[
        bool, typer.Option("--register", help="register the topics of signed messages before; asks the API")
    ] = False,
    start: Annotated[
        datetime | None, typer.Option(help="device time of the first message, UTC; default: so that it ends now")
    ] = None,
    duplicates: Annotated[float, typer.Option(min=0, max=1, help="share of messages sent twice")] = 0.02,
    late: Annotated[float, typer.Option(min=0, max=1, help="share measured 1 to 6 hours before")] = 0.03,
    malformed: Annotated[float, typer.Option(min=0, max=1, help="share that no decoder can read")] = 0.02,
    gaps: Annotated[float, typer.Option(min=0, max=1, help="share of the hours in which a device is silent")] = 0.05,
    ledger: Annotated[Path, typer.Option(help="NDJSON file of what was sent and acknowledged")] = Path(
        "var/ledger.ndjson"
    ),
) -> None:
    """Send a seeded fleet's messages over MQTT and webhook, and keep a ledger of what was acknowledged.

    TTN uplinks go to the webhook; YDOC, Wombat and JSON to the MQTT broker of the settings. A message nobody answers is
    sent again for 90 seconds, as a patient sender would.

    `isthmus simulate --profile vibration --devices 10 --rate 10 --hz 25000` is ten sensors in real time.

    `isthmus simulate --profile signed --register` sends what is believed; without `--register` it waits as dead letters.
    """
    unknown = set(source or ()) - set(fleet.SOURCES)
    if unknown:
        raise typer.BadParameter(f"unknown source {', '.join(sorted(unknown))}; there are {', '.join(fleet.SOURCES)}")
    options = fleet.Options(
        seed=seed,
        devices=devices,
        sources=tuple(source or fleet.SOURCES),
        start=int(start.replace(tzinfo=UTC).timestamp()) * SECOND
        if start
        else time.time_ns() - int((speed - 1) * duration * SECOND),
        interval=int(speed / rate * SECOND),
        duplicates=duplicates,
        late=late,
        malformed=malformed,
        gaps=gaps,
    )
    if profile == "signed" and register_topics:
        _register(devices, key)
    with Ledger(ledger) as book:
        messages = {
            "fleet": lambda: fleet.messages(options),
            "factory40": lambda: factory.messages(seed, options.start),
            "vibration": lambda: vibration.messages(seed, devices, hz, options.start),
            "signed": lambda: signed.messages(seed, devices, options.start, options.interval, key),
        }[profile]()
        send(settings.load(), messages, book, rate=rate, count=round(rate * duration))
        Console(stderr=True, emoji=False).print(_table(book))
    raise SystemExit(0 if book.sent.total() == book.acknowledged.total() else 1)


def _register(devices: int, key: str) -> None:
    """Return when a generation counts from which on the topics are known; none opens where they were known before.

    The first may know some of them only: the last one does that none follows.
    """
    newest, deadline = _newest_generation(), time.monotonic() + GENERATION_S
    for number in range(devices):
        told = signed.topic(number, key)
        registry_client.call("PUT", f"/signed-topics/{told.pop('topic')}", json=told)
    quiet_at = deadline
    while time.monotonic() < min(deadline, quiet_at):
        time.sleep(0.2)
        if (now := _newest_generation()) != newest:
            newest, quiet_at = now, time.monotonic() + FOLLOWS_S


def _newest_generation() -> int:
    return max((generation["number"] for generation in registry_client.call("GET", "/generations")), default=0)


def run(loaded: Settings, options: fleet.Options, book: Ledger, *, rate: float, count: int) -> None:
    """Send ``count`` messages of the fleet with a progress bar on stderr."""
    send(loaded, fleet.messages(options), book, rate=rate, count=count)


def send(loaded: Settings, messages: Iterator[fleet.Message], book: Ledger, *, rate: float, count: int) -> None:
    """Send the first ``count`` messages with a progress bar on stderr."""
    how = Drive(rate=rate, count=count, webhook_url=webhook_url(loaded), broker=loaded.mqtt.brokers[0])
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(file=sys.stderr, emoji=False), transient=False) as bar:
        task = bar.add_task("sending", total=count)
        asyncio.run(drive(messages, how, book, lambda: bar.advance(task)))


def webhook_url(loaded: Settings) -> str:
    """Where the webhook connector of these settings listens."""
    scheme = "https" if loaded.webhook.tls_cert_file else "http"
    return f"{scheme}://{loaded.webhook.host}:{loaded.webhook.port}"


def _table(book: Ledger) -> Table:
    table = Table("kind", "sent", "acknowledged", title=escape(f"ledger {book.path}"))
    for kind in sorted(book.sent):
        table.add_row(kind, str(book.sent[kind]), str(book.acknowledged[kind]))
    table.add_row("all", str(book.sent.total()), str(book.acknowledged.total()))
    return table
