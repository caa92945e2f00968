"""`isthmus run …`: the processes. Each is imported only when it runs, so that a gateway box needs no sink's libraries."""

import typer

from streams import log, settings

run = typer.Typer(no_args_is_help=True, help="Run one process in the foreground (the local stack runs them all).")


def register(app: typer.Typer) -> None:
    """Add `run` to the command line."""
    app.add_typer(run, name="run")


@run.command()
def mqtt() -> None:
    """MQTT connector: broker to topic raw, acknowledged when durable."""
    from connectors.sources import mqtt

    mqtt.run(_start("mqtt"))


@run.command()
def webhook() -> None:
    """Webhook connector: HTTP POST to topic raw, 204 when durable."""
    from connectors.sources import webhook

    webhook.run(_start("webhook"))


@run.command()
def poller(name: str = typer.Argument(help="ict_eagleio, greenbrain or axistech")) -> None:
    """One poller: a vendor's HTTP API to topic raw."""
    from connectors.sources.pollers import run as pollers

    pollers.run(_start(f"poller-{name}"), name)


@run.command()
def decode() -> None:
    """Decode agent: raw to readings and dead letters."""
    from streams.agents import decode

    decode.run(_start("decode"))


@run.command()
def window() -> None:
    """Window agent: readings to aggregates."""
    from streams.agents import window

    window.run(_start("window"))


@run.command()
def api() -> None:
    """Registry API: devices, mappings, generations, replays."""
    from connectors.api import server

    server.run(_start("api"))


@run.command()
def replay() -> None:
    """Replay worker: runs the replays that were asked for, and places points anew after mapping changes."""
    from connectors.replays import worker

    worker.run(_start("replay"))


@run.command()
def sink(
    name: str = typer.Argument(help="clickhouse, clickhouse-log, files, archive, device-logs, ubidots or log"),
) -> None:
    """One sink, with its own consumer group."""
    from connectors.sinks import run as sinks

    sinks.run(_start(f"sink-{name}"), name)


def _start(process: str) -> settings.Settings:
    loaded = settings.load()
    log.configure(loaded.log, process)
    return loaded
