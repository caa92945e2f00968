"""Sinks by name. Each is imported only when it runs, so that a box with one sink needs no other's libraries."""

import signal
import sys
from importlib import import_module
from typing import Any

import typer
from confluent_kafka import KafkaException

from connectors.sinks.base import ReadAgain, Sink
from connectors.sinks.consumption import Hole
from connectors.sinks.delivery import SinkFailed
from connectors.sinks.runner import Runner
from streams import log, ops, watchdog
from streams.settings import Settings

SINKS = {
    "clickhouse": "connectors.sinks.clickhouse:make",
    "clickhouse-log": "connectors.sinks.clickhouse:make_log",
    "files": "connectors.sinks.files:make",
    "archive": "connectors.sinks.archive:make",
    "device-logs": "connectors.sinks.device_logs:make",
    "ubidots": "connectors.sinks.ubidots:make",
    "log": "connectors.sinks.log:make",
}

DIRECTORIES = {"files": "directory", "archive": "archive", "device-logs": "device_logs"}
"""Sinks that write below a directory, and the setting of `[files]` that names it."""

logger = log.get(__name__)


def make(settings: Settings, name: str) -> Sink:
    """The sink called ``name``; connects to nothing yet.

    Raises:
        typer.BadParameter: there is no such sink.
    """
    if name not in SINKS:
        raise typer.BadParameter(f"no sink {name!r}; there are {', '.join(SINKS)}")
    module, function = SINKS[name].split(":")
    sink: Sink = getattr(import_module(module), function)(settings)
    return sink


def run(settings: Settings, name: str) -> None:
    """Run one sink until SIGTERM or SIGINT; exit status 1 when a person or a supervisor has to act."""
    runner = Runner(settings, make(settings, name))
    _stop_on_signals(runner)
    if name in DIRECTORIES:
        ops.watch_disk(name, getattr(settings.files, DIRECTORIES[name]))
    dog = watchdog.watch(settings.kafka, settings.watchdog, lambda: runner.outside)
    dog.start()
    stop_ops = ops.serve(settings.sink.health_port, host=settings.health.host, ready=runner.fault, healthy=dog.fault)
    try:
        runner.run()
    except Hole as error:
        logger.error("hole", detail=str(error), remedy="records are missing between commit and log: see `restore`")
        sys.exit(1)
    except (SinkFailed, ReadAgain, KafkaException) as error:
        logger.error("sink-ends", detail=str(error))
        sys.exit(1)
    finally:
        stop_ops()


def _stop_on_signals(runner: Runner) -> None:
    def stop(*_: Any) -> None:
        runner.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
