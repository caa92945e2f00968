"""What is read back before a worker's first record, and from where on nothing is missing then."""

import threading
import time

from confluent_kafka import TopicPartition

from streams import avro, kafka, scan
from streams.agents.horizon import MS, Stretch, read_back
from streams.agents.window import rule_of
from streams.core.coverage import BEGINNING, Known
from streams.core.fold import Windows
from streams.core.receipt import TOLERANCE
from streams.core.records import Aggregate
from streams.core.times import SECOND
from streams.kafka import BatchProducer
from streams.settings import KafkaSettings
from tests.stack import windows
from tests.stack.harness import Installation, eventually


def write(settings: KafkaSettings, count: int) -> list[int]:
    """Readings with offsets 0, 1, … in partition 0, some ms apart; their log times in ns."""
    producer = BatchProducer(settings)
    for offset in range(count):
        now = time.time_ns()
        record = windows.reading("json:1", offset, [("t", now, float(offset))], now)
        producer.send("readings", "json:1", avro.encode(record), 0)
        producer.flush()
        eventually(lambda now=now: time.time_ns() > now + 5 * MS, every=0.001)  # type: ignore[misc]  # lambda's default
    return [message.timestamp()[1] * MS for message in scan.scan(settings, "readings")]


def read(installation: Installation, end: int, log_time: int, memory: int = 2**20) -> Windows:
    settings = installation.settings
    found = read_back(settings.kafka, Stretch(0, end, log_time), rule_of(settings), memory, threading.Event())
    assert found is not None
    return found


def held(found: Windows, label: int) -> int:
    """How many points the windows of now hold, the one of ``label`` included."""
    now = time.time_ns()
    found.covered_from = BEGINNING
    found.fold(windows.reading("json:1", label, [("t", now, 1.0)], now), label, now)
    return sum(r.count for r in found.emit(Known(1, BEGINNING)) if isinstance(r, Aggregate) and r.window == 3600)


def test_it_covers_from_where_the_log_gives_everything(installation: Installation) -> None:
    ours = installation.with_settings(
        window={"base_s": (3600,), "fold_tolerance_s": 0, "grace_s": 1}, decode={"future_limit_s": 0}
    )
    log_times = write(ours.settings.kafka, 20)

    whole = read(ours, end=15, log_time=log_times[15])
    assert whole.covered_from == BEGINNING
    assert held(whole, 15) == 16

    horizon = (3600 + 1 + 1) * SECOND + TOLERANCE
    part = read(ours, end=15, log_time=log_times[10] + horizon)
    assert part.covered_from == log_times[10]
    assert held(part, 15) == 6

    admin = kafka.admin(ours.settings.kafka)
    before = TopicPartition(kafka.topic(ours.settings.kafka, "readings"), 0, 12)
    (deleted,) = admin.delete_records([before]).values()
    deleted.result(10)
    rest = read(ours, end=15, log_time=log_times[15])
    assert rest.covered_from == log_times[12]
    assert held(rest, 15) == 4
    nothing = read(ours, end=12, log_time=log_times[12])
    assert nothing.covered_from == log_times[12]


def test_it_leaves_to_the_store_what_memory_does_not_hold(installation: Installation) -> None:
    log_times = write(installation.settings.kafka, 5)
    found = read(installation, end=4, log_time=log_times[4], memory=100)
    assert found.open == 0
    assert found.closed > log_times[0]
