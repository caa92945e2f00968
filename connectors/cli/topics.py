"""`isthmus topics …`: create and check the topics."""

import typer
from confluent_kafka import KafkaException

from streams import settings, topics

group = typer.Typer(no_args_is_help=True, help="Create and check Kafka topics.")


def register(app: typer.Typer) -> None:
    """Add `topics` to the command line."""
    app.add_typer(group, name="topics")


@group.command()
def create() -> None:
    """Create missing topics; existing ones are checked, never changed."""
    loaded = settings.load().kafka
    try:
        made = topics.create(loaded)
    except (topics.TopicError, KafkaException) as error:
        raise SystemExit(f"topics: {error}") from error
    typer.echo(f"created {len(made)} topic(s): {', '.join(made)}" if made else "all topics exist")


@group.command()
def check() -> None:
    """Compare the cluster's topics with the declarations."""
    try:
        topics.check(settings.load().kafka, timeout_s=5)
    except (topics.TopicError, KafkaException) as error:
        raise SystemExit(f"topics: {error}") from error
    typer.echo("all topics are as declared")
