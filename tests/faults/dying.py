"""Our command line, whose processes die by kill -9 at a chosen point of their code when a marker file asks for it, and
whose wall clocks go as files say.

`python -m tests.faults.dying run decode`, with the directory of markers in ISTHMUS_TEST_POINTS, and that of clocks in
ISTHMUS_TEST_CLOCKS. A marker is removed by the process that dies, so that the next one lives.
"""

import enum
import functools
import importlib
import inspect
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from msgspec import Struct

from tests.faults import clock

LAZY = (inspect.isgeneratorfunction, inspect.iscoroutinefunction, inspect.isasyncgenfunction)


class When(enum.Enum):
    """Before a method does anything, when it has done half of the list it was given, or when it has done all."""

    BEFORE, WITHIN, AFTER = "before", "within", "after"


class Point(Struct, frozen=True):
    """``of`` is module:class.method."""

    of: str
    when: When = When.BEFORE
    only: str = ""
    """the command that it is about, as `run …` names it: others share the code"""


def _of_replay(method: str, when: When = When.BEFORE) -> Point:
    return Point(f"connectors.sinks.clickhouse.replay.replay_store:ClickHouseReplayStore.{method}", when, only="replay")


POINTS = {
    "connector-before-produce": Point("connectors.sources.kafka_writer:KafkaWriter._send", only="mqtt"),
    "connector-before-puback": Point("connectors.sources.mqtt_client:Client.acknowledge", only="mqtt"),
    "webhook-before-produce": Point("connectors.sources.kafka_writer:KafkaWriter._send", only="webhook"),
    "webhook-before-answer": Point("connectors.sources.kafka_writer:KafkaWriter._confirmed", only="webhook"),
    "decode-mid-batch": Point("streams.agents.decode:DecodeAgent._send", When.WITHIN, only="decode"),
    "decode-before-flush": Point("streams.kafka:BatchProducer.flush", only="decode"),
    "decode-after-flush": Point("streams.kafka:BatchProducer.flush", When.AFTER, only="decode"),
    "decode-before-commit": Point("streams.agents.batch:InFlight.take_done", only="decode"),
    "window-before-flush": Point("streams.kafka:BatchProducer.flush", only="window"),
    "window-after-flush": Point("streams.kafka:BatchProducer.flush", When.AFTER, only="window"),
    "window-before-commit": Point("streams.agents.batch:InFlight.take_done", only="window"),
    "store-before-insert": Point("connectors.sinks.clickhouse.store:Store.insert", only="sink clickhouse"),
    "store-after-insert": Point("connectors.sinks.clickhouse.store:Store.insert", When.AFTER, only="sink clickhouse"),
    "store-before-commit": Point("connectors.sinks.consumption:Consumption.commit", only="sink clickhouse"),
    "replay-places": _of_replay("stage_places", When.AFTER),
    "replay-before-stage": _of_replay("stage"),
    "replay-after-stage": _of_replay("stage", When.AFTER),
    "replay-after-diff": _of_replay("diff", When.AFTER),
    "replay-before-build": _of_replay("build"),
    "replay-after-build": _of_replay("build", When.AFTER),
    "replay-before-attach": _of_replay("attach"),
    "replay-after-attach": _of_replay("attach", When.AFTER),
    "replay-before-settle": _of_replay("settle"),
    "replay-after-settle": _of_replay("settle", When.AFTER),
    "replay-before-optimise": _of_replay("optimise"),
    "replay-after-optimise": _of_replay("optimise", When.AFTER),
    "replay-before-undo": _of_replay("build_undo"),
    "replay-before-attach-undo": _of_replay("attach_undo"),
    "replay-after-attach-undo": _of_replay("attach_undo", When.AFTER),
}


def install(command: str, directory: Path) -> None:
    """Wrap the methods of the points that are about ``command``."""
    for name, point in POINTS.items():
        if not point.only or command == point.only:
            owner, method = found(point)
            setattr(owner, method, _dying(getattr(owner, method), directory / name, point.when))


def found(point: Point) -> tuple[type, str]:
    """The class, and what its method is called."""
    module, _, path = point.of.partition(":")
    owner, method = path.split(".")
    return getattr(importlib.import_module(module), owner), method


def _dying(method: Callable[..., Any], marker: Path, when: When) -> Callable[..., Any]:
    """Refuses to die within or after what does nothing before it is asked for a value: it would die before."""
    if when is not When.BEFORE and any(is_lazy(method) for is_lazy in LAZY):
        raise TypeError(f"{method.__qualname__} does nothing before it is asked")
    return _halved(method, marker) if when is When.WITHIN else _whole(method, marker, when)


def _whole(method: Callable[..., Any], marker: Path, when: When) -> Callable[..., Any]:
    @functools.wraps(method)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if when is When.BEFORE:
            _die_if_asked(marker)
        answer = method(*args, **kwargs)
        if when is When.AFTER:
            _die_if_asked(marker)
        return answer

    return wrapped


def _halved(method: Callable[..., Any], marker: Path) -> Callable[..., Any]:
    """A list of one has no half: the next one has."""

    @functools.wraps(method)
    def wrapped(self: Any, items: Sequence[Any]) -> Any:
        if len(items) > 1 and marker.exists():
            method(self, items[: (len(items) + 1) // 2])
            _die_if_asked(marker)
        return method(self, items)

    return wrapped


def _die_if_asked(marker: Path) -> None:
    with suppress(FileNotFoundError):
        marker.unlink()
        os.kill(os.getpid(), signal.SIGKILL)


def main(arguments: list[str]) -> None:
    """Run the command line, which imports nothing before its clock is wrong."""
    if arguments[0] == "run":
        clock.install(Path(os.environ["ISTHMUS_TEST_CLOCKS"]), "-".join(arguments[1:]))
        install(" ".join(arguments[1:]), Path(os.environ["ISTHMUS_TEST_POINTS"]))
    importlib.import_module("connectors.cli.main").main()


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
