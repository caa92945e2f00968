"""In -> out of the decode agent against other ways to run the same work on the same records.

`python -m benchmarks.decode_agent --records N --bootstrap HOST:PORT [--quix PYTHON]` prints JSON: records/s and CPU µs
per record of each variant. `PYTHON` is an interpreter of an environment with Quix Streams, which pins an older
confluent-kafka.
"""

import argparse
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from confluent_kafka import Consumer, TopicPartition
from msgspec import Struct, to_builtins

from benchmarks.decode_load import prepare
from benchmarks.result import Result
from streams import kafka, topics
from streams.settings import Settings

ROOT = Path(__file__).parents[1]
SLOW_S = 15
"""a variant that is not through by then has been measured long enough"""
START_S = 60


class Rate(Struct, frozen=True):
    """What one variant did: records/s between its first output and its last, and CPU per record of its process."""

    records_per_s: float
    cpu_us: float
    records: int


def compare(bootstrap: str, records: int, quix: str | None = None) -> dict[str, Rate]:
    """Each variant's rate, measured one after the other on one raw topic, which is removed again."""
    prefix = f"bench-{uuid.uuid4().hex[:8]}."
    overrides: dict[str, Any] = {
        "kafka": {"bootstrap_servers": bootstrap, "prefix": prefix},
        "decode": {"health_port": 0},
    }
    settings = Settings(**overrides)
    variants = {"ours": [sys.executable, "-m", "connectors.cli", "run", "decode"]}
    for name in ("bare", "stock", "stock_unconfirmed"):
        variants[name] = [sys.executable, "-m", "benchmarks.decode_workers", name]
    if quix:
        variants["quix"] = [quix, "-m", "benchmarks.decode_workers", "quix"]
    try:
        prepare(settings, records)
        return {name: _measured(name, command, overrides, settings, records) for name, command in variants.items()}
    finally:
        _remove(settings)


def results(rates: dict[str, Rate]) -> list[Result]:
    """The figures against their targets."""
    ours = rates["ours"]
    targets = {
        "bare": ("of the bare loop", 0.7),
        "stock": ("of a stock agent with confirmed sends", 30),
        "stock_unconfirmed": ("of a stock agent, plain await topic.send", 30),
        "quix": ("of Quix Streams", 2),
    }
    return [
        Result(
            name=f"decode_vs_{name}",
            value=ours.records_per_s / rates[name].records_per_s,
            unit=f"x {words}",
            target=target,
            at_least=True,
            detail=f"{_words(ours)} against {_words(rates[name])}",
        )
        for name, (words, target) in targets.items()
        if name in rates
    ]


def measure(command: list[str], overrides: dict[str, Any], settings: Settings, records: int) -> Rate:
    """Run one variant from the beginning of `raw` until it has written ``records`` more readings, or ``SLOW_S``."""
    before = _readings(settings)
    with _running(command, overrides) as process:
        began, first, cpu = _first(process, settings, before)
        while (seen := _readings(settings) - before) < records and time.perf_counter() - began < SLOW_S:
            time.sleep(0.02)
        elapsed = time.perf_counter() - began
        done = max(seen - first, 1)
        return Rate(done / elapsed, (_cpu(process) - cpu) / done * 1e6, seen)


def _measured(name: str, command: list[str], overrides: dict[str, Any], settings: Settings, records: int) -> Rate:
    print(f"measuring {name}", file=sys.stderr)
    return measure(command, overrides, settings, records)


def _first(process: psutil.Process, settings: Settings, before: int) -> tuple[float, int, float]:
    """When the first readings were there, how many, and the CPU seconds used until then."""
    deadline = time.perf_counter() + START_S
    while (seen := _readings(settings) - before) == 0:
        if process.status() == psutil.STATUS_ZOMBIE or time.perf_counter() > deadline:
            raise RuntimeError("this variant wrote nothing")
        time.sleep(0.01)
    return time.perf_counter(), seen, _cpu(process)


@contextmanager
def _running(command: list[str], overrides: dict[str, Any]) -> Iterator[psutil.Process]:
    settings = {f"ISTHMUS_{name.upper()}": json.dumps(values) for name, values in overrides.items()}
    popen = subprocess.Popen(command, env=os.environ | settings | {"PYTHONPATH": str(ROOT)}, cwd=ROOT)
    try:
        yield psutil.Process(popen.pid)
    finally:
        popen.kill()
        popen.wait()


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _readings(settings: Settings) -> int:
    name = kafka.topic(settings.kafka, "readings")
    parts = [TopicPartition(name, p) for p in range(settings.kafka.partitions)]
    return sum(_reader(settings).get_watermark_offsets(tp, timeout=10, cached=False)[1] for tp in parts)


_readers: dict[str, Consumer] = {}


def _reader(settings: Settings) -> Consumer:
    if settings.kafka.prefix not in _readers:
        _readers[settings.kafka.prefix] = kafka.consumer(settings.kafka, None)
    return _readers[settings.kafka.prefix]


def _remove(settings: Settings) -> None:
    admin = kafka.admin(settings.kafka)
    for future in admin.delete_topics([new.topic for new in topics.wanted(settings.kafka)]).values():
        future.exception(30)


def _words(rate: Rate) -> str:
    return f"{rate.records_per_s:,.0f}/s ({rate.cpu_us:,.0f} µs CPU)"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=200_000)
    parser.add_argument("--bootstrap", default="127.0.0.1:29092")
    parser.add_argument("--quix", help="interpreter of an environment with Quix Streams")
    given = parser.parse_args()
    rates = compare(given.bootstrap, given.records, given.quix)
    print(json.dumps({"rates": to_builtins(rates), "results": to_builtins(results(rates))}, indent=1))


if __name__ == "__main__":
    main()
