"""Following a replay to where it rests, wherever it is run."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer

from connectors.api.client import Denied, NoAnswer
from connectors.cli import replay_view as view
from connectors.cli.registry_client import fail, for_replays
from connectors.cli.replay_tried import Tried
from connectors.cli.replay_view import Show
from connectors.replays.office import Office
from streams import log, settings
from streams.core.replay_record import Replay
from streams.replay import job
from streams.settings import LogSettings, Settings

LOOK_S = 0.3
INTERRUPTED = 130
AWAY = "the API does not answer; the replay goes on"


@contextmanager
def office(loaded: Settings | None = None) -> Iterator[Office]:
    """The registry's side; a refusal or an absent API is one line on stderr and exit status 1."""
    log.configure(LogSettings(level="error"), "replay")
    loaded = loaded or settings.load()
    made = Office(loaded, waits=False, api=for_replays(loaded))
    try:
        yield made
    except (NoAnswer, Denied) as error:
        fail(str(error))
    finally:
        made.close()


def follow(at: Office, number: int, *, quiet: bool) -> Replay:
    """Show a replay's progress until it rests and no wish is open; Ctrl-C ends only the showing."""
    try:
        with view.bar(quiet=quiet) as show:
            return _until_rest(lambda: at.get(number), show)
    except KeyboardInterrupt:
        typer.echo(
            f"replay {number} goes on; follow it with `isthmus replay status {number} --follow`, "
            f"end it with `isthmus replay cancel {number}`",
            err=True,
        )
        raise typer.Exit(INTERRUPTED) from None


def run_here(at: Office, number: int, tried: Tried, *, quiet: bool) -> Replay:
    """Run a replay in this process, with the operator's own decoders and codecs; Ctrl-C leaves it so that it can be gone on with."""
    try:
        from connectors.replays import worker

        with view.bar(quiet=quiet) as show:
            loaded = settings.load()
            rested = worker.run_here(loaded, number, tried, show, for_replays(loaded))
    except KeyboardInterrupt:  # before the worker listens for it itself
        rested = None
    rested = rested or at.get(number)
    if not rests(rested):
        typer.echo(
            f"replay {number} stopped where it was; go on with `isthmus replay run --resume {number} {tried.options}`, "
            f"or end it with `isthmus replay cancel {number}`",
            err=True,
        )
        raise typer.Exit(INTERRUPTED)
    return rested


def rests(replay: Replay) -> bool:
    """Whether nothing more happens to it unless somebody wishes it."""
    return replay.state not in job.WORKING and not replay.wish


def _until_rest(look: Callable[[], Replay], show: Show) -> Replay:
    now, progress = look(), job.Progress()
    while not rests(now):
        show(now, progress := view.progress_of(now, time.time_ns()))
        time.sleep(LOOK_S)
        try:
            now = look()
        except NoAnswer:
            show(now, job.Progress(step=progress.step, paused=AWAY))
    return now
