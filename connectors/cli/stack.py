"""`isthmus stack …`: the local stack, brought up, looked at, taken down, wiped."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from connectors.cli import processes, stack_view
from deploy.local import daemon, logs, servers
from deploy.local.plan import Plan, Process, StackError
from streams import settings
from streams.settings import Settings

group = typer.Typer(
    no_args_is_help=True, help="The local stack: Kafka, MQTT broker, ClickHouse's engine and our processes."
)
Only = Annotated[str | None, typer.Option(help="just these servers: kafka,mqtt,clickhouse")]


def register(app: typer.Typer) -> None:
    """Add `stack` to the command line."""
    app.add_typer(group, name="stack")


@group.command()
def up(only: Only = None, timeout: Annotated[float, typer.Option(help="seconds to wait for readiness")] = 180) -> None:
    """Start everything and wait until it is ready; the stack keeps running in the background."""
    loaded = settings.load()
    with one_message():
        for line in stack_view.elsewhere(loaded, processes.external(loaded)):
            typer.echo(line)
        wanted = processes.needed_servers(loaded, _names(only))
        bring_up(loaded, wanted, () if only is not None else processes.ours(loaded, wanted.names), timeout)
    if only is None:
        _ensure_admin()
    typer.echo(stack_view.addresses(loaded, _names(only)))


@group.command()
def down() -> None:
    """Stop everything in order; data stay."""
    directory = _directory(settings.load())
    if not daemon.running(directory) and not daemon.orphans(directory):
        typer.echo("the stack is not running")
        return
    with one_message(), stack_view.display(stack_view.DOWN) as show:
        ended = daemon.down(directory, watch=show)
    if ended:
        typer.echo(f"ended what a killed supervisor had left: {', '.join(ended)}")
    typer.echo("the stack is down")


@group.command()
def status(json: Annotated[bool, typer.Option("--json", help="for programs")] = False) -> None:
    """Tell what runs; exit status 1 unless everything is ready."""
    directory = _directory(settings.load())
    now = daemon.current(directory)
    left = daemon.orphans(directory)
    if json:
        typer.echo(msgspec.json.format(msgspec.json.encode(stack_view.document(now, left)), indent=2))
    elif now is None:
        typer.echo(f"the supervisor is gone, its processes run on: {', '.join(left)}" if left else "the stack is down")
    else:
        stack_view.show(now)
    raise typer.Exit(0 if now is not None and now.ready else 1)


@group.command(name="logs")
def show_logs(
    name: Annotated[str | None, typer.Argument(help="a process, as `status` lists them; default: all")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="go on with new lines until Ctrl-C")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", help="last lines of each")] = 20,
) -> None:
    """Show the processes' logs."""
    directory = _directory(settings.load())
    known = logs.names(directory)
    if name is not None and name not in known:
        raise SystemExit(f"no log of {name}; there are: {', '.join(known) or 'none'}")
    files = [logs.file(directory, one) for one in ([name] if name else known)]
    for file in files:
        for line in logs.tail(file, lines):
            typer.echo(line if name else f"{file.stem} | {line}")
    if follow:
        _follow(files, prefix=name is None)


@group.command()
def reset(yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False) -> None:
    """Delete all data of the stack: log, store, sessions, spool, files. Asks first."""
    loaded = settings.load()
    doomed = [path for path in _data(loaded) if path.is_dir()]
    if not doomed:
        typer.echo("nothing to delete")
        return
    typer.echo("\n".join(["this deletes for ever:", *(f"  {stack_view.size(path)}  {path}" for path in doomed)]))
    if not yes and not typer.confirm("delete?"):
        raise SystemExit("nothing was deleted")
    with one_message():  # servers that run on keep their data
        daemon.down(_directory(loaded))
    for path in doomed:
        shutil.rmtree(path, ignore_errors=True)
    typer.echo("deleted")


def bring_up(loaded: Settings, wanted: servers.Servers, ours: tuple[Process, ...], timeout: float = 180) -> None:
    """Fetch what the servers need, start them and our processes, and wait until all are ready, showing progress.

    Raises:
        StackError: with the failing process and its last log lines.
    """
    with stack_view.download(servers.download_bytes(wanted)) as advance:
        started = servers.prepare(wanted, advance, stack_view.CONSOLE.print)
    with stack_view.display() as show:
        daemon.up(_directory(loaded), Plan((*started, *ours), os.getcwd()), timeout_s=timeout, watch=show)


def _ensure_admin() -> None:
    """The first administrator's password is shown once, so it goes to the person and not into a log file."""
    done = subprocess.run([*processes.OURS, "users", "ensure-admin"], check=False)
    if done.returncode:
        raise SystemExit("the stack is up, but its first administrator could not be made (see above)")


def _names(only: str | None) -> list[servers.Name] | None:
    if only is None:
        return None
    try:
        return msgspec.convert([name.strip() for name in only.split(",")], list[servers.Name])
    except msgspec.ValidationError:
        raise StackError(f"--only takes {', '.join(servers.ALL)}, not {only!r}") from None


def _directory(loaded: Settings) -> Path:
    return loaded.stack.directory.absolute()


def _data(loaded: Settings) -> Iterator[Path]:
    """The stack's directory, and those of the other settings that lie inside the current directory."""
    yield _directory(loaded)
    here = Path.cwd()
    sinks = (loaded.files.directory, loaded.files.archive)
    others = (loaded.api.directory, loaded.spool.directory, Path(loaded.diversion.url), *sinks)
    yield from (path.absolute() for path in others if here in path.absolute().parents)


def _follow(files: list[Path], *, prefix: bool) -> None:
    try:
        for name, line in logs.follow(files):
            typer.echo(f"{name} | {line}" if prefix else line)
    except KeyboardInterrupt:
        return


@contextmanager
def one_message() -> Iterator[None]:
    """A StackError inside is one message and exit status 1."""
    try:
        yield
    except StackError as error:
        raise SystemExit(str(error)) from None
