"""Our own processes with one promise broken each: `python -m tests.faults.mutants NAME run decode`.

The checker has to see what follows when such a process is killed; see ``anchors``.
"""

import asyncio
import sys
from collections.abc import Callable, Sequence

from connectors.cli.main import main
from connectors.sinks.base import Record, Rejection
from connectors.sinks.clickhouse.log_sink import LogSink
from connectors.sources.base import Done
from connectors.sources.kafka_writer import KafkaWriter
from streams.agents.batch import Batch
from streams.agents.decode import DecodeAgent
from streams.agents.window import Held, WindowAgent
from streams.core import fold
from streams.core.records import RawRecord

SLOW_S = 2.5


def acknowledges_early() -> None:
    """The connector acknowledges what it has handed to its producer, not what is durable."""
    submit = KafkaWriter.submit

    def early(self: KafkaWriter, record: RawRecord, done: Done) -> None:
        submit(self, record, lambda: None)
        done()

    KafkaWriter.submit = early  # type: ignore[method-assign]


def commits_early() -> None:
    """The decode agent calls a batch done before what follows from it is durable, and takes its time."""
    handle = DecodeAgent.handle

    async def early(self: DecodeAgent, batch: Batch) -> None:
        records = batch.records
        batch.done()
        batch.records = records
        await asyncio.sleep(SLOW_S)
        await handle(self, batch)

    DecodeAgent.handle = early  # type: ignore[method-assign]


def folds_uncovered() -> None:
    """The window agent sends whatever it holds as an aggregate, and reads nothing back after a start."""

    def begin(self: WindowAgent, partition: int, first: int, log_time: int) -> Held:
        return Held(fold.Windows(self.rule, log_time), first, None)

    WindowAgent._begin = begin  # type: ignore[method-assign]
    setattr(fold, "covered", lambda *_: True)  # noqa: B010 - mypy knows no assignment to an import


def inserts_late() -> None:
    """Sink `clickhouse-log` calls a batch written, which is committed then, and inserts it when the next one comes."""
    write, held = LogSink.write, list[Record]()

    def late(self: LogSink, batch: Sequence[Record]) -> Sequence[Rejection]:
        due, held[:] = list(held), batch
        write(self, due)
        return []

    LogSink.write = late  # type: ignore[method-assign]


MUTANTS: dict[str, Callable[[], None]] = {
    "acknowledges-early": acknowledges_early,
    "commits-early": commits_early,
    "folds-uncovered": folds_uncovered,
    "inserts-late": inserts_late,
}

if __name__ == "__main__":
    MUTANTS[sys.argv.pop(1)]()
    main()
