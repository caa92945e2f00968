"""`make bench`: every figure on a real stack of its own, as a table and in build/bench.json.

`python -m benchmarks [decode] [store] [door] [path] [redecode] [correct] [codecs] [javascript] [replay] [vibration] [registry]`
measures only those. Quix Streams is compared when the environment build/quix exists: see CONTRIBUTING.
"""

import argparse
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks import (
    codecs,
    decode_agent,
    javascript,
    mqtt_door,
    registry,
    replay,
    replay_decode,
    replay_store,
    store,
    vibration,
    whole_path,
)
from benchmarks.result import Result, show, write
from connectors.cli import processes, stack
from connectors.demo import own
from deploy.local import daemon
from streams.settings import Settings

HOME, OUT = Path("var/bench"), Path("build/bench.json")
QUIX = Path("build/quix/bin/python")
DECODED, BACKLOG, SECONDS = 200_000, 40_000, 20


def main() -> None:
    """Command line; exit status 0 even when a target is missed: the table says so."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"{', '.join(PARTS)}; default: all")
    parts = parser.parse_args().parts or list(PARTS)
    if unknown := set(parts) - set(PARTS):
        sys.exit(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    settings = own.load(HOME)
    results = []
    for part in parts:
        print(f"measuring {part} …", flush=True)
        daemon.down(settings.stack.directory)
        shutil.rmtree(HOME, ignore_errors=True)
        results += PARTS[part](settings)
        write(results, OUT)
    show(results)


def _decode(settings: Settings) -> list[Result]:
    quix = str(QUIX.absolute()) if QUIX.is_file() else None
    if quix is None:
        print("Quix Streams is not compared: there is no build/quix")
    return _with_servers(
        settings,
        lambda: decode_agent.results(decode_agent.compare(settings.kafka.bootstrap_servers, DECODED, quix)),
    )


def _store(settings: Settings) -> list[Result]:
    return _with_servers(
        settings, lambda: [_size(settings, per_record, target) for per_record, target in ((4, 1.3), (1, 1.6))]
    )


def _size(settings: Settings, per_record: int, target: float) -> Result:
    size = store.measure(settings.clickhouse, per_record=per_record)
    columns = ", ".join(f"{name} {bytes_:.3f}" for name, bytes_ in size.columns.items())
    return Result(
        name=f"bytes_per_point_{per_record}_per_record", value=size.bytes_per_point, unit="B", target=target, at_least=False,
        detail=f"{size.points:,} points merged, aligned times; {columns}",
    )  # fmt: skip


def _door(settings: Settings) -> list[Result]:
    return _with_servers(settings, lambda: mqtt_door.run(settings, BACKLOG // 2))


def _path(settings: Settings) -> list[Result]:
    return whole_path.run(settings, BACKLOG, SECONDS)


def _with_servers(settings: Settings, measured: Callable[[], list[Result]]) -> list[Result]:
    """Kafka, the MQTT broker and ClickHouse only."""
    stack.bring_up(settings, processes.needed_servers(settings), ())
    try:
        return measured()
    finally:
        daemon.down(settings.stack.directory)


PARTS: dict[str, Callable[[Settings], list[Result]]] = {
    "decode": _decode,
    "store": _store,
    "door": _door,
    "path": _path,
    "redecode": lambda _: replay_decode.results(),
    "correct": lambda settings: _with_servers(settings, lambda: replay_store.results(settings)),
    "codecs": lambda _: codecs.results(),
    "javascript": lambda _: javascript.results(),
    "replay": lambda settings: replay.run(settings, 3 * BACKLOG, SECONDS),
    "vibration": lambda _: vibration.results(),
    "registry": registry.run,
}

if __name__ == "__main__":
    main()
