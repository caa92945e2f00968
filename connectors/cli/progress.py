"""How long work goes on, on standard error, for who looks; and why the log does not answer."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from confluent_kafka import KafkaError, KafkaException
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

Tell = Callable[[int, int | None], None]
"""How much is done, and of how much; None: nobody knows."""


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        """So many a second."""
        return Text(f"{task.speed:,.0f}/s" if task.speed else "", style="progress.data.speed")


@contextmanager
def bar(what: str, *, quiet: bool) -> Iterator[Tell]:
    """Shows how ``what`` goes on."""
    console = Console(stderr=True, quiet=quiet, emoji=False)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as shown:
        task = shown.add_task(what, total=None)
        yield lambda done, total: shown.update(task, completed=done, total=total)


def said(error: Exception) -> str:
    """What Kafka's client says, without its type."""
    inner = error.args[0] if isinstance(error, KafkaException) and error.args else error
    return inner.str() if isinstance(inner, KafkaError) else str(inner)
