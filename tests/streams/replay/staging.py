"""What tests of staging share: chunks of raw records, and the rows that the store's sink would make of their readings."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec.structs import replace

from streams import avro
from streams.agents.generations import in_force
from streams.agents.output import largest_reading
from streams.core.decode import Context, decode
from streams.core.identity import series_id
from streams.core.records import DeviceMapping, Generation, Interval, Lineage, Pause, RawRecord, Reading
from streams.registry.hashes import code_hash, codecs_hash, rules_hash
from streams.replay.job import Mode
from streams.replay.selection import Selection
from streams.replay.source import Chunk
from streams.replay.staging import Stager
from streams.replay.store import Staged
from streams.replay.task import Registry, Task
from streams.rows import Run, points
from streams.settings import Settings

NOON = 1_793_620_800_000_000_000
Row = tuple[object, ...]
"""series id, ts, value, text, quality, logical uid, version"""


def raw(payload: bytes, source: str = "json", received_at: int = NOON) -> RawRecord:
    return RawRecord(
        id="0190", source=source, transport="mqtt", address="json/a", received_at=received_at, payload=payload
    )


def chunk(values: Sequence[RawRecord | bytes], first: int = 0, partition: int = 1) -> Chunk:
    """Consecutive records; the n-th was appended n ms after noon."""
    data = [value if isinstance(value, bytes) else avro.encode(value) for value in values]
    appended = [NOON + n * 1_000_000 for n in range(len(data))]
    return Chunk(partition, first, first + len(data), list(enumerate(data, first)), appended)


def generation(number: int, fence: int = 0, code: str | None = None, partitions: Sequence[int] = (1,)) -> Generation:
    return Generation(
        number=number, fences={str(p): fence for p in partitions}, code=code or code_hash(), codecs=codecs_hash(()),
        rules=rules_hash(()), opened_at=0, opened_by="test", why="test",
    )  # fmt: skip


def rows(staged: Staged) -> list[Row]:
    columns = (
        staged.series_id, staged.ts, staged.value, staged.text, staged.quality, staged.logical_uid, staged.version
    )  # fmt: skip
    return [*zip(*columns, strict=True), *_rows_of_runs([run for run, _ in staged.runs])]


def _rows_of_runs(runs: Sequence[Run]) -> list[Row]:
    """Point by point."""
    return [
        (run.series_id, ts, value, "", run.quality, run.logical_uid, run.version)
        for run in runs
        for ts, value in zip(run.ts.tolist(), run.value.tolist(), strict=True)
    ]


def rows_of_the_sink(
    settings: Settings, context: Context, generations: Sequence[Generation], one: Chunk
) -> tuple[list[Row], list[Reading]]:
    """By way of readings, one record at a time, as decode agent and sink do it; and the readings."""
    readings: list[Reading] = []
    for offset, value in one.records:
        current = in_force(generations, one.partition, offset)
        assert current is not None
        try:
            record = avro.decode(value, RawRecord)
        except avro.AvroError:
            continue
        readings += decode(record, Lineage(one.partition, offset), current.number, context).readings
    kept = [r for r in readings if len(avro.encode(r)) <= largest_reading(settings.kafka)]
    made = points(enumerate(kept))
    return [*zip(*made.columns(), strict=True), *_rows_of_runs(made.runs)], kept


SETTINGS = Settings()
MAPPING = DeviceMapping(
    device="json:a",
    physical_uid=1,
    intervals=[Interval(7, NOON - 100, NOON, [Pause(NOON - 50, NOON - 40)]), Interval(8, NOON)],
)
SENSOR = replace(MAPPING, device="vibration:S-1")
REGISTRY = Registry(
    mappings={"json:a": MAPPING, "vibration:S-1": SENSOR}, generations=(generation(3), generation(4, fence=100))
)


def task(**more: Any) -> Task:
    given: dict[str, Any] = {"settings": SETTINGS, "selection": Selection(), "mode": Mode.DECODE} | more
    return Task(**given)


def staged(*records: RawRecord | bytes, first: int = 0, registry: Registry = REGISTRY, **more: Any) -> Staged:
    return Stager(task(**more), registry).stage(chunk(records, first))


def body(values: dict[str, object], device: str = "a", time: int = NOON // 10**9) -> RawRecord:
    return raw(json.dumps({"device": device, "time": time, "values": values}).encode())


T = body({"t": 1.5})
SERIES = series_id("json:a", "t")


def batch(told: list[tuple[int, Any]], serial: str = "S-1") -> RawRecord:
    """Samples of a sensor; times in ns."""
    day = datetime(2026, 11, 2, 12, tzinfo=UTC)
    assert round(day.timestamp()) * 10**9 == NOON
    body = [
        {
            "SerialNumber": serial,
            "Timestamp": f"{day + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}.{ns:09}Z",
            "Value": value,
        }
        for time, value in told
        for seconds, ns in [divmod(time - NOON, 10**9)]
    ]
    return raw(json.dumps(body).encode(), "vibration")
