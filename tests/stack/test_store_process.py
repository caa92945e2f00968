"""The sink's process, killed again and again: what it leaves is exact."""

import random
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from msgspec import Struct

from connectors.sinks.clickhouse.migrate import migrate
from connectors.sinks.clickhouse.store import Store
from streams import avro, kafka
from streams.core.identity import series_id
from streams.core.records import Measurement, Reading, Repair
from streams.core.times import SECOND
from streams.lag import LagMeter
from tests.stack.harness import Installation, eventually
from tests.stack.store import NOON, reading
from tests.stack.test_store_windows import folded

PARTITIONS, DEVICES, READINGS, KILLS = 4, 6, 900, 2
PART = READINGS // (KILLS + 1)
NAMES = ("a", "b", "c")


@pytest.fixture
def quick(installation: Installation) -> Iterator[Installation]:
    made = installation.with_settings(clickhouse={"batch_rows": 500, "batch_s": 0.1}, sink={"instance": 0})
    migrate(made.settings.clickhouse)
    yield made
    installation.close()
    store = Store(made.settings.clickhouse, "test")
    store.command(f"DROP DATABASE `{made.settings.clickhouse.database}`")
    store.close()


def test_kill_9_leaves_points_repairs_rollups_and_latest_exact(quick: Installation, tmp_path: Path) -> None:
    rng = random.Random(11)
    readings = [random_reading(rng, offset) for offset in range(READINGS)]
    produce(quick, "aggregates", repairs(spread(readings)))
    store = Store(quick.settings.clickhouse, "test")

    for kill in range(KILLS):
        before = count(store)
        produce(quick, "readings", spread(readings[kill * PART : (kill + 1) * PART]))
        process = quick.start("run", "sink", "clickhouse", section="sink", log=tmp_path / "sink.log", wait=False)
        eventually(partial(more_than, store, before), every=0.01)
        process.kill()
    produce(quick, "readings", spread(readings[KILLS * PART :]))
    quick.start("run", "sink", "clickhouse", section="sink", log=tmp_path / "sink.log", wait=False)
    meter = LagMeter(quick.settings.kafka)
    eventually(lambda: not any(meter.measure({"sink-clickhouse"}).values()), 60, every=0.2)
    meter.close()

    check(store, readings)
    store.close()


def count(store: Store) -> int:
    found: int = store.rows("SELECT count() FROM points FINAL")[0][0]
    return found


def more_than(store: Store, before: int) -> bool:
    return count(store) > before


def random_reading(rng: random.Random, offset: int) -> Reading:
    time = NOON + rng.randrange(30 * 3600) * SECOND
    values = (Measurement(name, "C", time, round(rng.uniform(-9, 9), 1), None) for name in NAMES)
    return reading(*values, offset=offset, device=f"json:d{rng.randrange(DEVICES)}")


def spread(readings: list[Reading]) -> dict[int, list[Struct]]:
    found: dict[int, list[Struct]] = defaultdict(list)
    for one in readings:
        found[int(one.device[-1]) % PARTITIONS].append(one)
    return found


def repairs(by_partition: dict[int, list[Struct]]) -> dict[int, list[Struct]]:
    """A repair of every (series, minute), written before the readings that it waits for."""
    found: dict[int, list[Struct]] = defaultdict(list)
    for partition, readings in by_partition.items():
        for label, one in enumerate(readings):
            assert isinstance(one, Reading)
            start = one.measurements[0].time // (60 * SECOND) * 60 * SECOND
            for name in NAMES:
                found[partition].append(
                    Repair(device=one.device, name=name, unit="C", window=60, start=start, label=label, generation=1)
                )
    return found


def produce(installation: Installation, topic: str, values: dict[int, list[Struct]]) -> None:
    producer = kafka.BatchProducer(installation.settings.kafka)
    for partition, some in values.items():
        for value in some:
            producer.send(topic, b"key", avro.encode(value), partition)
    producer.flush()
    producer.close()


def check(store: Store, readings: list[Reading]) -> None:
    points: dict[int, dict[int, float]] = defaultdict(dict)
    for one in readings:  # offsets grow: the later wins
        for m in one.measurements:
            assert m.value is not None
            points[series_id(one.device, m.name)][m.time] = m.value
    found: dict[int, dict[int, float]] = defaultdict(dict)
    for series, ts, value in store.rows("SELECT series_id, ts, value FROM points FINAL"):
        found[series][ts] = value
    assert found == points
    latest = {series: ts for series, ts in store.rows("SELECT series_id, ts FROM latest FINAL")}  # noqa: C416 - rows are no pairs to mypy
    assert latest == {series: max(times) for series, times in points.items()}
    columns = "toUnixTimestamp64Second(start), count, sum, min, max, first, last, median"
    for window in (60, 3600, 86_400):
        for series, times in points.items():
            question = f"SELECT {columns} FROM aggregates FINAL WHERE series_id = {series} AND window_s = {window} ORDER BY start"
            for row, expected in zip(store.rows(question), folded(times, window), strict=True):
                assert tuple(row) == pytest.approx(expected)
