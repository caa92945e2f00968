"""Batch delivery under load and faults, on a real broker: nothing lost, nothing committed before it is durable."""

import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
from confluent_kafka import Consumer, KafkaException, TopicPartition

from streams import kafka
from streams.core.records import Lineage
from streams.settings import KafkaSettings
from tests.stack import raw_log
from tests.stack.harness import PATIENCE, Installation, Process, eventually
from tests.stack.raw_log import json_record

POISON = b"no avro"
Sample = tuple[int, dict[int, int]]
"""when the committed offsets were answered (ms), and what they were"""


def worker(installation: Installation, tmp_path: Path, instance: int = 0, wait: bool = True) -> Process:
    replica = installation.with_settings(decode={"instance": instance, "batch_max": 500})
    return replica.start("run", "decode", section="decode", log=tmp_path / f"decode-{instance}.log", wait=wait)


@contextmanager
def load(settings: KafkaSettings, per_second: int) -> Iterator[None]:
    """Raw records, one in a hundred of them poison, at a steady pace until the block is left."""
    halt = threading.Event()

    def produce() -> None:
        number = 0
        while not halt.wait(0.1):
            pace = range(number, number + per_second // 10)
            raw_log.write_raw(settings, (POISON if n % 100 == 0 else json_record(n) for n in pace))
            number = pace.stop

    thread = threading.Thread(target=produce)
    thread.start()
    try:
        yield
    finally:
        halt.set()
        thread.join()


@contextmanager
def sampled(settings: KafkaSettings) -> Iterator[list[Sample]]:
    """The committed offsets, asked for every 0.1 s until the block is left."""
    samples: list[Sample] = []
    halt = threading.Event()
    consumer = kafka.consumer(settings, "decode")

    def sample() -> None:
        while not halt.wait(0.1):
            with suppress(KafkaException):  # the coordinator of a new group is still loading
                samples.append(_committed(consumer, settings))

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield samples
    finally:
        halt.set()
        thread.join()
        consumer.close()


def _committed(consumer: Consumer, settings: KafkaSettings) -> Sample:
    parts = [TopicPartition(kafka.topic(settings, "raw"), p) for p in range(settings.partitions)]
    answers = consumer.committed(parts, timeout=10)
    return time.time_ns() // 1_000_000, {tp.partition: tp.offset for tp in answers if tp.offset >= 0}


def all_handled(settings: KafkaSettings) -> bool:
    return raw_log.committed(settings) == {p: end for p, end in raw_log.ends(settings).items() if end}


def missing(settings: KafkaSettings, handled: list[tuple[Lineage, int]]) -> set[Lineage]:
    everything = {Lineage(p, offset) for p, end in raw_log.ends(settings).items() for offset in range(end)}
    return everything - {lineage for lineage, _ in handled}


def commits_before_durable(samples: list[Sample], handled: list[tuple[Lineage, int]]) -> list[tuple[int, Lineage]]:
    """Samples in which an offset was committed although a record before it had nothing durable yet."""
    first: dict[Lineage, int] = {}
    for lineage, appended in handled:
        first[lineage] = min(appended, first.get(lineage, appended))
    return [
        (answered, lineage)
        for answered, offsets in samples
        for lineage, appended in first.items()
        if lineage.offset < offsets.get(lineage.partition, 0) and appended > answered
    ]


def test_it_loses_nothing_while_workers_die_come_go_and_freeze(installation: Installation, tmp_path: Path) -> None:
    settings = installation.settings.kafka
    raw_log.open_generation(settings)
    with load(settings, per_second=1500), sampled(settings) as samples:
        first, second = (worker(installation, tmp_path, instance, wait=False) for instance in (0, 1))
        eventually(lambda: first.ready() and second.ready())
        first.kill()
        first = worker(installation, tmp_path)
        first.signal(signal.SIGSTOP)
        eventually(lambda: owns(second, settings.partitions), timeout=20)
        first.signal(signal.SIGCONT)
        eventually(lambda: owns(second, settings.partitions // 2), timeout=20)
        assert second.stop() == 0
    eventually(lambda: all_handled(settings), timeout=30, every=0.5)
    handled = raw_log.handled(settings)
    assert missing(settings, handled) == set()
    assert commits_before_durable(samples, handled) == []
    assert len(samples) > 50


def owns(process: Process, partitions: int) -> bool:
    """Whether it handles records of that many partitions of `raw` (a metric of a partition given away is gone)."""
    return process.metrics().count("\nisthmus_handled_offset{") == partitions


def test_it_stops_under_load_with_all_that_was_handled_committed(installation: Installation, tmp_path: Path) -> None:
    settings = installation.settings.kafka
    raw_log.open_generation(settings)
    raw_log.write_raw(settings, (json_record(n) for n in range(20_000)))
    process = worker(installation, tmp_path)
    eventually(lambda: "isthmus_decoded_records_total{" in process.metrics(), every=0.01)
    began = time.monotonic()
    assert process.stop() == 0
    assert time.monotonic() - began < 5 * PATIENCE
    per_record = Counter(lineage for lineage, _ in raw_log.handled(settings))
    assert set(per_record.values()) == {1}
    committed = {Lineage(p, offset) for p, end in raw_log.committed(settings).items() for offset in range(end)}
    assert set(per_record) == committed
    assert 0 < len(committed) < 20_000


def test_it_holds_little_when_the_agent_is_slow(installation: Installation, tmp_path: Path) -> None:
    settings = installation.settings.kafka
    megabytes = 40
    raw_log.write_raw(settings, (bytes([n % 256]) * 5_000 for n in range(megabytes * 200)))
    replica = installation.with_settings(decode={"batch_max": 100})
    slow = replica.start("0.02", section="decode", log=tmp_path / "slow.log", module="tests.stack.batch_worker")
    memory = psutil.Process(slow.popen.pid).memory_info
    measured = [memory().rss]

    def handled_while_watched() -> bool:
        measured.append(memory().rss)
        return all_handled(settings)

    eventually(handled_while_watched, every=0.2)
    assert max(measured) - measured[0] < megabytes * 1_000_000 / 2


def test_a_worker_that_stands_still_shows_it_and_ends(installation: Installation, tmp_path: Path) -> None:
    settings = installation.settings.kafka
    raw_log.write_raw(settings, (json_record(n) for n in range(40)))
    replica = installation.with_settings(watchdog={"stalled_s": 6})
    stuck = replica.start("3600", section="decode", log=tmp_path / "stuck.log", module="tests.stack.batch_worker")

    shown = eventually(lambda: page if "isthmus_oldest_unhandled_seconds{" in (page := stuck.metrics()) else "")
    assert sum(float(line.split()[1]) for line in shown.splitlines() if line.startswith("isthmus_lag{")) == 40
    assert stuck.popen.wait(60 * PATIENCE) == 70
    assert "has not moved for" in (tmp_path / "stuck.log").read_text()
