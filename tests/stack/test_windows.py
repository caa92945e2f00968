"""The window agent on real Kafka: every (series, window) of the log is exact, or under a repair that makes it so."""

import re
import signal
import time
from pathlib import Path

from streams import avro, scan
from streams.core.records import Aggregate, DeadLetter, Generation, Reading, Repair
from streams.core.times import SECOND
from streams.kafka import BatchProducer
from streams.lag import LagMeter
from streams.settings import KafkaSettings
from tests.stack import windows
from tests.stack.harness import Installation, Process, eventually
from tests.stack.windows import Load

LENGTHS = (1, 2)
SHORT = {"base_s": LENGTHS, "fold_tolerance_s": 1, "grace_s": 0, "emit_interval_s": 0.5}
"""a horizon of 1 + 2 + 1 s, so that a log of some seconds is longer than it"""


def short(installation: Installation) -> Installation:
    """An installation of short windows, whose first generation is open."""
    publish(installation.settings.kafka, windows.generation(1, time.time_ns(), fence=0))
    return installation.with_settings(window=SHORT, decode={"future_limit_s": 1})


def worker(installation: Installation, tmp_path: Path, instance: int = 0) -> Process:
    replica = installation.with_settings(window={"instance": instance})
    return replica.start("run", "window", section="window", log=tmp_path / f"window-{instance}.log")


def finish(installation: Installation) -> None:
    """Wait until every reading has been handled."""
    meter = LagMeter(installation.settings.kafka)
    eventually(lambda: not any(meter.measure({"window"}).values()), every=0.2)
    meter.close()


def owned(process: Process) -> int:
    """How many partitions it was given last."""
    given = re.findall(r"partitions assigned .*partitions=\[(.*?)\]", process.log.read_text())
    return len(re.findall(r"\d+", given[-1])) if given else 0


def check(installation: Installation, least_share: float) -> None:
    """The store at rest equals the log; a good share was folded, not repaired."""
    settings = installation.settings.kafka
    points, records = windows.points_of(settings), list(windows.emitted(settings))
    assert windows.store(records, points) == windows.truth(points, LENGTHS)
    assert windows.share_of_aggregates(records) >= least_share


def test_it_is_exact_with_duplicates_disorder_and_hours_late_points(installation: Installation, tmp_path: Path) -> None:
    ours = short(installation)
    worker(ours, tmp_path)
    with Load(ours.settings.kafka, seed=1) as load:
        eventually(lambda: load.sent > 900)
    finish(ours)
    check(ours, least_share=0.6)


def test_it_is_exact_after_kill_9_and_while_workers_come_go_and_freeze(
    installation: Installation, tmp_path: Path
) -> None:
    ours = short(installation)
    first = worker(ours, tmp_path)
    with Load(ours.settings.kafka, seed=2):
        second = worker(ours, tmp_path, instance=1)
        before = late_writes(ours)
        freeze(first, second)
        while late_writes(ours) == before:
            freeze(first, second)
        assert second.stop() == 0
    first.kill()
    worker(ours, tmp_path)
    finish(ours)
    check(ours, least_share=0.3)


def freeze(first: Process, second: Process) -> None:
    """SIGSTOP until the second worker has all partitions, then SIGCONT: what the first still writes is out of date."""
    eventually(lambda: owned(first) == owned(second) == 2, timeout=20)
    first.signal(signal.SIGSTOP)
    eventually(lambda: owned(second) == 4, timeout=20)
    first.signal(signal.SIGCONT)
    eventually(lambda: owned(second) == 2, timeout=20)


def late_writes(installation: Installation) -> int:
    return windows.superseded(windows.emitted(installation.settings.kafka))


def test_it_reports_poison_and_repairs_around_a_generation(installation: Installation, tmp_path: Path) -> None:
    ours, now = short(installation), time.time_ns()
    settings = ours.settings.kafka
    send(settings, b"no avro", *(windows.reading("json:1", raw, [("t", now, 2.0)], now) for raw in (2**38, 3)))
    worker(ours, tmp_path)
    finish(ours)
    letters = [avro.decode(m.value() or b"", DeadLetter) for m in scan.scan(settings, "dead-letters")]
    assert [(letter.stage, letter.reason) for letter in letters] == [("window", "not-avro"), ("window", "unfoldable")]
    found = list(windows.emitted(settings))
    assert [(type(r), r.window, r.label) for r in found] == [(Aggregate, 1, 2), (Aggregate, 2, 2)]

    publish(settings, windows.generation(2, now, fence=5))
    eventually(lambda: repaired(settings, now + SECOND // 2))


def repaired(settings: KafkaSettings, moment: int) -> bool:
    """Whether the windows of one more reading are repairs now: the agent may not have seen the generation yet."""
    offset = len(list(scan.scan(settings, "readings")))
    send(settings, windows.reading("json:1", offset, [("t", moment + offset, 2.0)], moment))
    answers = eventually(lambda: [r for r in windows.emitted(settings) if r.label == offset])
    return {type(r) for r in answers} == {Repair}


def publish(settings: KafkaSettings, generation: Generation) -> None:
    producer = BatchProducer(settings)
    producer.send("generations", str(generation.number), avro.encode(generation))
    producer.flush()


def send(settings: KafkaSettings, *readings: Reading | bytes) -> None:
    producer = BatchProducer(settings)
    for one in readings:
        producer.send("readings", "json:1", one if isinstance(one, bytes) else avro.encode(one))
    producer.flush()
