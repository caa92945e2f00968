"""`isthmus memories …`: what decoders remember of earlier records, such as Sparkplug's births."""

import typer
from confluent_kafka import KafkaException

from streams import avro, settings
from streams.agents.output import MEMORIES, place
from streams.kafka import BatchProducer, Undelivered
from streams.replay.barrier import Barrier
from streams.replay.memories import missing

TOGETHER = 1_000
"""records confirmed at a time"""

group = typer.Typer(no_args_is_help=True, help="What decoders remember of earlier records, such as Sparkplug's births.")


def register(app: typer.Typer) -> None:
    """Add `memories` to the command line."""
    app.add_typer(group, name="memories")


@group.callback()
def _memories() -> None:
    """Keeps `isthmus memories COMMAND` with one command, too."""


@group.command()
def rebuild() -> None:
    """Read all of `raw` and add what topic `memories` lacks; needed when a decoder remembers more than it did before.

    Nothing is removed, and running it again does no harm. Afterwards dead letters of reason `unknown-alias` can be tried
    again: `isthmus replay run --mode dead-letters --reason unknown-alias`.
    """
    try:
        typer.echo(f"{_rebuild()} record(s) added to what is remembered")
    except (KafkaException, Undelivered, TimeoutError, OSError) as error:
        raise SystemExit(f"memories: {error}") from error


def _rebuild() -> int:
    ours = settings.load()
    barrier, producer, count = Barrier(ours.kafka), BatchProducer(ours.kafka), 0
    try:
        for count, record in enumerate(missing(ours, barrier.ends("raw")), 1):
            producer.send(MEMORIES, place(record), avro.encode(record))
            if count % TOGETHER == 0:
                producer.flush()
        producer.flush()
    finally:
        barrier.close()
    return count
