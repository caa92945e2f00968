"""Our own processes with a bug each that makes them stand still: `python -m tests.stack.stuck NAME run mqtt`."""

import asyncio
import sys
import time
from collections.abc import Callable
from threading import Event
from typing import Any

from connectors.cli.main import main
from connectors.replays.worker import Worker
from connectors.sinks.base import Record
from connectors.sinks.consumption import Consumption
from connectors.sources.kafka_line import Line
from connectors.sources.mqtt import Reader
from connectors.sources.pollers.fetch import Fetcher
from connectors.sources.spool import SpoolWriter
from streams.agents.view import Views
from streams.registry import reader as registry_reader
from streams.registry.election import Election
from streams.registry.state import LOGICAL

FOR_EVER_S = 3600


def forgets_to_poll() -> None:
    """Nobody asks the producer what became of records."""
    _replace(Line, "_poll", lambda _line: None)


def blocks_its_loop() -> None:
    """The first message stops everything else."""
    _replace(Reader, "_received", lambda _reader, _message: time.sleep(FOR_EVER_S))


def forgets_its_spool() -> None:
    """What lies on the disk stays there."""
    _replace(SpoolWriter, "_confirmed", _forgets)


def waits_for_an_answer() -> None:
    """A question to a polled API never ends."""
    _replace(Fetcher, "_once", _forgets)


def forgets_to_read() -> None:
    """The registry is read to its end once, and not followed."""
    take = registry_reader.Reader._take

    def once(reader: registry_reader.Reader, messages: list[Any]) -> None:
        take(reader, messages)
        if all(message.error() for message in messages) and len(reader._next) == len(reader._names):
            Event().wait(FOR_EVER_S)

    _replace(registry_reader.Reader, "_take", once)


def forgets_the_election() -> None:
    """Nobody looks at the election."""
    _replace(Election, "_run", lambda _election: None)


def hangs_in_a_replay() -> None:
    """Work on replays does not come back."""
    _replace(Worker, "_turn", lambda _worker: Event().wait(FOR_EVER_S))


def blocks_when_idle() -> None:
    """An agent's loop stops when it has come to the end of everything."""
    check = Views._check

    def once(views: Views) -> None:
        check(views)
        if all(view.ready for view in views._views):
            time.sleep(FOR_EVER_S)

    _replace(Views, "_check", once)


def forgets_a_topic() -> None:
    """A sink never gets what it reads of one topic of the registry."""
    take = Consumption.take

    def without(consumption: Consumption, limit: int, timeout_s: float) -> list[Record]:
        return [record for record in take(consumption, limit, timeout_s) if record.topic != LOGICAL]

    _replace(Consumption, "take", without)


async def _forgets(*_: object) -> None:
    await asyncio.sleep(FOR_EVER_S)


def _replace(kind: type, method: str, by: Callable[..., object]) -> None:
    setattr(kind, method, by)


BUGS: dict[str, Callable[[], None]] = {
    "forgets-to-poll": forgets_to_poll,
    "blocks-its-loop": blocks_its_loop,
    "forgets-its-spool": forgets_its_spool,
    "waits-for-an-answer": waits_for_an_answer,
    "forgets-to-read": forgets_to_read,
    "forgets-the-election": forgets_the_election,
    "hangs-in-a-replay": hangs_in_a_replay,
    "blocks-when-idle": blocks_when_idle,
    "forgets-a-topic": forgets_a_topic,
}

if __name__ == "__main__":
    BUGS[sys.argv.pop(1)]()
    main()
