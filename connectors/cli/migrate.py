"""`isthmus migrate`: bring the store's tables to the newest version."""

import typer

from streams import settings


def register(app: typer.Typer) -> None:
    """Add `migrate` to the command line."""
    app.command()(migrate)


def migrate(
    status: bool = typer.Option(False, "--status", help="Only show what has been applied."),
    wait: float = typer.Option(60.0, min=0, help="Seconds to wait for the server."),
) -> None:
    """Create ClickHouse's database and tables; safe to run again, and by several at once."""
    from connectors.sinks.clickhouse import migrate as store

    loaded = settings.load().clickhouse
    try:
        if status:
            for one in store.status(loaded, wait):
                typer.echo(f"{one.number:04} {one.name:24} {one.applied or 'not applied'}")
            return
        done = store.migrate(loaded, wait, lambda text: typer.echo(text, err=True))
    except store.MigrationError as error:
        raise SystemExit(f"migrate: {error}") from error
    typer.echo(f"applied {len(done)} migration(s)" if done else "nothing to apply")
