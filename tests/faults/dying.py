"""Our command line, whose processes die by kill -9 at a chosen point of their code when a marker file asks for it, and
whose wall clocks go as files say.

`python -m tests.faults.dying run decode`, with the directory of markers in ISTHMUS_TEST_POINTS, and that of clocks in
ISTHMUS_TEST_CLOCKS. A marker is removed by the process that dies, so that the next one lives.
"""

import functools
import importlib
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from msgspec import Struct

from tests.faults import clock


class Point(Struct, frozen=True):
    """``of`` is module:class.method; the process dies ``before`` it, or after it."""

    of: str
    before: bool = True
    only: str = ""
    """the command that it is about, as `run …` names it: others share the code"""


def _of_replay(method: str, *, before: bool = True) -> Point:
    return Point(
        f"connectors.sinks.clickhouse.replay.replay_store:ClickHouseReplayStore.{method}", before, only="replay"
    )


POINTS = {
    "connector-before-produce": Point("connectors.sources.kafka_writer:KafkaWriter._send", only="mqtt"),
    "connector-before-puback": Point("connectors.sources.mqtt_client:Client.acknowledge", only="mqtt"),
    "webhook-before-produce": Point("connectors.sources.kafka_writer:KafkaWriter._send", only="webhook"),
    "webhook-before-answer": Point("connectors.sources.kafka_writer:KafkaWriter._confirmed", only="webhook"),
    "decode-mid-batch": Point("streams.agents.decode:DecodeAgent._decode", before=False, only="decode"),
    "decode-before-flush": Point("streams.kafka:BatchProducer.flush", only="decode"),
    "decode-after-flush": Point("streams.kafka:BatchProducer.flush", before=False, only="decode"),
    "decode-before-commit": Point("streams.agents.batch:InFlight.take_done", only="decode"),
    "window-before-flush": Point("streams.kafka:BatchProducer.flush", only="window"),
    "window-after-flush": Point("streams.kafka:BatchProducer.flush", before=False, only="window"),
    "window-before-commit": Point("streams.agents.batch:InFlight.take_done", only="window"),
    "store-before-insert": Point("connectors.sinks.clickhouse.store:Store.insert", only="sink clickhouse"),
    "store-after-insert": Point("connectors.sinks.clickhouse.store:Store.insert", before=False, only="sink clickhouse"),
    "store-before-commit": Point("connectors.sinks.consumption:Consumption.commit", only="sink clickhouse"),
    "replay-places": _of_replay("stage_places", before=False),
    "replay-before-stage": _of_replay("stage"),
    "replay-after-stage": _of_replay("stage", before=False),
    "replay-after-diff": _of_replay("diff", before=False),
    "replay-before-build": _of_replay("build"),
    "replay-after-build": _of_replay("build", before=False),
    "replay-before-attach": _of_replay("attach"),
    "replay-after-attach": _of_replay("attach", before=False),
    "replay-before-settle": _of_replay("settle"),
    "replay-after-settle": _of_replay("settle", before=False),
    "replay-before-optimise": _of_replay("optimise"),
    "replay-after-optimise": _of_replay("optimise", before=False),
    "replay-before-undo": _of_replay("build_undo"),
    "replay-before-attach-undo": _of_replay("attach_undo"),
    "replay-after-attach-undo": _of_replay("attach_undo", before=False),
}


def install(command: str, directory: Path) -> None:
    """Wrap the methods of the points that are about ``command``."""
    for name, point in POINTS.items():
        if not point.only or command == point.only:
            module, _, path = point.of.partition(":")
            owner, method = path.split(".")
            kind = getattr(importlib.import_module(module), owner)
            setattr(kind, method, _dying(getattr(kind, method), directory / name, before=point.before))


def _dying(method: Callable[..., Any], marker: Path, *, before: bool) -> Callable[..., Any]:
    @functools.wraps(method)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if before:
            _die_if_asked(marker)
        answer = method(*args, **kwargs)
        if not before:
            _die_if_asked(marker)
        return answer

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
