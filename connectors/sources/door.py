"""What all doors share: the writers behind them and their watchdog, the keys of known sources, faults of their settings."""

import asyncio
import sys
import time
from collections.abc import Coroutine, Iterable
from typing import Any

import uvloop

from connectors.sources.base import Key
from connectors.sources.diversion import Diversion
from connectors.sources.kafka_writer import KafkaWriter, Limits
from connectors.sources.spool import SpoolWriter
from connectors.sources.spool_database import SpoolError
from connectors.sources.spool_file import SpoolFile
from streams import log, ops, pipeline, watchdog
from streams.core.records import RawRecord
from streams.metrics import CLOCK_AHEAD_SECONDS, OLDEST_HELD_SECONDS
from streams.progress import HERE, Excuse
from streams.pulse import Pulse
from streams.settings import Settings, SettingsError

LOG = log.get(__name__)

MEGABYTE = 1_048_576


def check_sources(settings: Settings, named: Iterable[tuple[str, str]]) -> None:
    """Hold (place in the settings, source) pairs against the decoders.

    Raises:
        SettingsError: names every source that no decoder understands.
    """
    known = pipeline.decoders(settings.decode)
    faults = [f"  {place}: no decoder understands source {source!r}" for place, source in named if source not in known]
    if faults:
        lines = [f"{len(faults)} fault(s) in the settings:", *faults, f"  known are {', '.join(sorted(known))}"]
        raise SettingsError("\n".join(lines))


def keys(settings: Settings) -> Key:
    """The Kafka key of a record: what its source's decoder says, None where it knows none."""
    decoders = pipeline.decoders(settings.decode)

    def key(record: RawRecord) -> str | None:
        decoder = decoders.get(record.source)
        try:
            return decoder.key(record) if decoder else None
        except Exception as error:  # noqa: BLE001 - a decoder's mistake may cost the order of records, never a record
            LOG.error("key-failed", source=record.source, id=record.id, error=repr(error))
            return None

    return key


def kafka_writer(settings: Settings, *, records: int, megabytes: int) -> KafkaWriter:
    """The writer into `raw`, which holds so much at most."""
    limits = Limits(records, megabytes * MEGABYTE)
    diversion = Diversion(settings.diversion, settings.spool.directory / "diverted")
    return KafkaWriter(settings.kafka, diversion, keys(settings), limits=limits)


def spool_writer(settings: Settings, inner: KafkaWriter, name: str) -> SpoolWriter:
    """A spool of its own, ``<name>.db``, around ``inner``.

    Raises:
        SpoolError: it cannot be opened, for example because another process has it.
    """
    spool = settings.spool
    ops.watch_disk("spool", spool.directory)
    file = SpoolFile(spool.directory / f"{name}.db", spool.quota_mb * MEGABYTE)
    return SpoolWriter(inner, file, spool.takeover_s, name, inner.tell)


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run until it ends. A spool that cannot be opened is one message and exit status 1: a person has to look."""
    try:
        uvloop.run(main)
    except SpoolError as error:
        LOG.error("spool-refused", detail=str(error))
        sys.exit(1)


def watched(settings: Settings, name: str, writer: KafkaWriter, spool: SpoolWriter | None) -> watchdog.Watchdog:
    """The watchdog of a door, started: its loop must answer, and what it holds must move while Kafka takes records."""
    OLDEST_HELD_SECONDS.labels(name).set_function(writer.oldest_s)
    CLOCK_AHEAD_SECONDS.labels(name).set_function(lambda: writer.clock.ahead_s(time.monotonic()))
    HERE.watch("event loop", Pulse(asyncio.get_running_loop()).look, Excuse.NOTHING)
    HERE.watch(f"records of {name}", writer.work)
    if spool:
        HERE.watch(f"spool of {name}", spool.work)
    dog = watchdog.watch(settings.kafka, settings.watchdog, needed=("raw",))
    dog.start()
    return dog
