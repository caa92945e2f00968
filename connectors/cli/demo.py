"""`isthmus demo`: the main job, end to end, on real parts, with its proof."""

import shutil
import sys
import time
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from connectors.api import operator
from connectors.cli import processes, replay_end, replay_follow, replay_view, simulate, stack, verify
from connectors.demo import correct, figures, own, plot, quiet
from connectors.demo.mapping import Api, map_fleet, place_name, text_of
from connectors.simulator import fleet
from connectors.simulator.ledger import Ledger
from connectors.verify import store_side
from connectors.verify.report import Report
from deploy.local import daemon
from deploy.local.plan import Http, Port, Process
from streams import lag, log
from streams.core.times import HOUR, SECOND
from streams.settings import CONFIG_VARIABLE, LogSettings, Settings

MAPPED_BEFORE = 8 * HOUR
"""Late messages are up to six hours old; their places were known then."""
PATIENCE_S, SAMPLES = 180, 6
QUESTIONS: dict[str, dict[str, str]] = {
    "latest_values": {},
    "logical_hourly_means": {"logical_device": place_name(2, "wombat")},
}


def register(app: typer.Typer) -> None:
    """Add `demo` to the command line."""
    app.command()(demo)


def demo(
    seconds: Annotated[float, typer.Option(min=1, help="how long the fleet sends")] = 60,
    rate: Annotated[float, typer.Option(min=0.1, help="messages per second")] = 20,
    devices: Annotated[int, typer.Option(min=2, help="boxes in the fleet")] = 20,
    keep: Annotated[bool, typer.Option("--keep", help="leave the stack up at the end")] = False,
) -> None:
    """Bring the stack up, map a fleet over the API, let it send, wait until all is done, and check everything.

    Its data are in var/demo and begin anew each time, unless a demo's stack was kept and still runs. Exit status 1 when
    the check finds anything lost, doubled or wrong.
    """
    loaded, console = own.load(), Console(emoji=False)
    began = _bring_up(loaded, console)
    try:
        report = _show(loaded, console, fleet_of(devices, rate), seconds=seconds, rate=rate)
    except quiet.Restless as restless:
        console.print(
            f"[red]the demo did not finish[/red]: {escape(str(restless))}; see the logs in {loaded.stack.directory}/logs"
        )
        report = None
    finally:
        if not keep:
            console.print("stopping the stack (KEEP=1 leaves it up)")
            daemon.down(loaded.stack.directory)
    _conclude(loaded, console, report, time.monotonic() - began, keep=keep)


def fleet_of(devices: int, rate: float) -> fleet.Options:
    """A fleet that no demo before had."""
    now = time.time_ns()
    return fleet.Options(seed=now // SECOND % 65_536, devices=devices, start=now, interval=int(SECOND / rate))


def _bring_up(loaded: Settings, console: Console) -> float:
    began = time.monotonic()
    if not daemon.running(loaded.stack.directory):
        daemon.down(loaded.stack.directory)
        tables = own.tables()
        shutil.rmtree(own.HOME, ignore_errors=True)
        own.write(tables)
    with stack.one_message():
        wanted = processes.needed_servers(loaded)
        stack.bring_up(loaded, wanted, (*processes.ours(loaded, wanted.names), stub()))
    console.print(f"stack ready after {time.monotonic() - began:.0f} s")
    return began


def stub() -> Process:
    """The Ubidots stub as a process of the stack."""
    return Process(
        name="ubidots-stub",
        command=(
            *(sys.executable, "-m", "connectors.simulator.ubidots_stub"),
            *("--port", str(own.STUB_PORT), "--token", own.STUB_TOKEN),
        ),
        ready=Http(own.STUB_PORT, "/stats"),
        ports=(Port(own.STUB_PORT, "the demo's Ubidots stub"),),
    )


def _show(loaded: Settings, console: Console, options: fleet.Options, *, seconds: float, rate: float) -> Report:
    api = Api(f"http://{loaded.api.host}:{loaded.api.port}", lambda: operator.read_token(loaded.api))
    boxes, since = fleet.devices(options), options.start - MAPPED_BEFORE
    mapped = map_fleet(api, boxes, since)
    console.print(f"{mapped} of {options.devices} devices mapped over the API; now they send for {seconds:.0f} s")
    with Ledger(own.HOME / f"ledger-{options.seed}.ndjson") as book:
        simulate.run(loaded, options, book, rate=rate, count=round(rate * seconds))
        _wait(loaded)
        report = quiet.settled(loaded, sorted(own.HOME.glob("ledger-*.ndjson")), PATIENCE_S)
        console.print(figures.summary(loaded, book, report))
    for table in figures.answers(loaded, QUESTIONS):
        console.print(table)
    _plot(loaded, console)
    verify.show(report, console)
    if report.faults:
        return report
    _correct(loaded, console, api, boxes[-1], since)
    api.close()
    report = quiet.settled(loaded, sorted(own.HOME.glob("ledger-*.ndjson")), PATIENCE_S)
    verify.show(report, console)
    return report


def _correct(loaded: Settings, console: Console, api: Api, box: fleet.Device, since: int) -> None:
    """The past, corrected: by a mapping that comes late, and, to look at only, by another decoder."""
    console.print(f"\n{box.key} was not mapped. It is now, from eight hours ago on")
    placed = correct.map_late(loaded, api, box, text_of(since), PATIENCE_S)
    found = replay_view.figures(placed)
    console.print(
        f"replay {placed.id} has placed its {found.counts.changed} points anew: visible at one moment "
        f"(in {found.visible_ms:.0f} ms), taken back by `isthmus replay undo {placed.id}`"
    )
    console.print("and what would a decoder change that is not deployed? (connectors/demo/centimetres.py, a dry run)")
    log.configure(LogSettings(level="error"), "demo")
    tried = correct.try_decoder(loaded)
    if tried is None:
        raise quiet.Restless("the dry run was stopped")
    with replay_follow.office(loaded) as at:
        groups, samples = replay_end.diff_of(at, tried)
    replay_view.print_dry_run(console, tried, groups, samples[:SAMPLES])


def _wait(loaded: Settings) -> None:
    groups = set(lag.readers()) - {"sink-log"}
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=Console(file=sys.stderr, emoji=False)) as bar:
        task = bar.add_task("waiting until nothing is left to do")
        quiet.wait_for_zero_lag(
            loaded, groups, PATIENCE_S, lambda left: bar.update(task, description=f"{left} records left in all groups")
        )


def _plot(loaded: Settings, console: Console) -> None:
    client = store_side.connect(loaded.clickhouse)
    rows = client.query(figures.SERIES).result_rows
    client.close()
    if len(rows) > 1:
        title = "1_Temperature of one Wombat, as stored"
        console.print(
            plot.draw(title, [row[0] for row in rows], [row[1] for row in rows]), markup=False, highlight=False
        )


def _conclude(loaded: Settings, console: Console, report: Report | None, took_s: float, *, keep: bool) -> None:
    if keep:
        console.print(
            f"look further: SQL http://127.0.0.1:{loaded.stack.clickhouse_port} database {loaded.clickhouse.database} · "
            f"API http://{loaded.api.host}:{loaded.api.port}/docs · after `export {CONFIG_VARIABLE}={own.FILE}`: "
            ".venv/bin/isthmus pd ls, make status, make logs, and in the end make down"
        )
    failed = report is None or bool(report.faults)
    verdict = "[red]FAILED[/red]" if failed else "[green]passed[/green]: nothing lost, nothing doubled, nothing wrong"
    console.print(f"demo {verdict} ({took_s:.0f} s)")
    raise SystemExit(1 if failed else 0)
