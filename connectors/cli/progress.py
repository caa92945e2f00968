"""A progress bar on standard error, for work that can be counted; nothing where nobody looks."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

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
    with Progress(*columns, console=console, transient=True) as shown:
        task = shown.add_task(what, total=None)
        yield lambda done, total: shown.update(task, completed=done, total=total)
