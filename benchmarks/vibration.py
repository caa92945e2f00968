"""Samples per second and core of the columnar path, from a raw record's bytes to an insert's bytes; no servers needed.

One sensor's batches of 25,000 samples go through every step that costs CPU: raw Avro, decoding, readings Avro both ways,
the window's fold and figures, rows, and the serialisation of the insert. `python -m benchmarks.vibration` prints it.
"""

import time
from collections.abc import Callable, Sequence

from clickhouse_connect.datatypes.registry import get_from_name
from clickhouse_connect.driver.insert import InsertContext
from clickhouse_connect.driver.transform import NativeTransform
from msgspec import Struct

from benchmarks.result import Result, show
from connectors.simulator import vibration
from connectors.sinks.clickhouse.rows import POINTS, RUN_POINTS, run_rows
from connectors.sinks.clickhouse.table import Table
from streams import avro, pipeline
from streams.core import block as blocks
from streams.core.coverage import BEGINNING, Known
from streams.core.decode import Context, decode
from streams.core.fold import Windows
from streams.core.records import DeviceMapping, Interval, Lineage, RawRecord, Reading
from streams.core.times import SECOND
from streams.core.window import Rule
from streams.rows import points
from streams.settings import Settings

SERIAL, HZ, BATCHES, ROUNDS, TARGET = "AAD-1123", 25_000, 4, 7, 500_000
START = 1_793_620_800_000_000_000
RULE = Rule.of_seconds(Settings().window.base_s, hold=180, ahead=3660)
SINGLES = 4
"""measurements a reading of the comparison with the ordinary path"""


class Breakdown(Struct, frozen=True):
    """µs of CPU per sample: the steps of the path."""

    raw_avro: float
    decode: float
    readings_avro: float
    windows: float
    rows: float
    insert: float

    @property
    def all(self) -> float:
        """The whole path on one core."""
        return self.raw_avro + self.decode + self.readings_avro + self.windows + self.rows + self.insert


def results() -> list[Result]:
    """The path as it is, and with uneven times; what the same samples would cost as single measurements."""
    even = [_raw(number, vibration.batch(SERIAL, START, HZ, number)) for number in range(BATCHES)]
    uneven = [_raw(number, _jittered(number)) for number in range(BATCHES)]
    return [
        *(_result(name, measure(records)) for name, records in (("even", even), ("uneven", uneven))),
        Result(
            name="vibration_single_rows", value=1e6 / _single_rows(even), unit="samples/s per core", target=0, at_least=True,
            detail=f"rows and insert only, {SINGLES} measurements a reading: what blocks save",
        ),
    ]  # fmt: skip


def measure(records: Sequence[RawRecord]) -> Breakdown:
    """The best of ``ROUNDS`` rounds of each step, so that what else the machine does counts less."""
    context, raw = _context(), [avro.encode(record) for record in records]
    readings = _readings(records, context)
    encoded = [avro.encode(reading) for reading in readings]
    count = sum(blocks.count(block) for reading in readings for block in reading.blocks)
    runs = points(enumerate(readings)).runs
    return Breakdown(
        raw_avro=_best(lambda: [avro.decode(value, RawRecord) for value in raw], count),
        decode=_best(lambda: _readings(records, context), count),
        readings_avro=_best(
            lambda: [avro.encode(r) for r in readings] + [avro.decode(e, Reading) for e in encoded], count
        ),
        windows=_best(lambda: [_aggregated(reading) for reading in readings], count),
        rows=_best(lambda: run_rows(points(enumerate(readings)).runs), count),
        insert=_best(lambda: _serialised(RUN_POINTS, run_rows(runs)), count),
    )


def _result(name: str, took: Breakdown) -> Result:
    steps = ", ".join(f"{step} {getattr(took, step):.3f}" for step in took.__struct_fields__)
    return Result(
        name=f"vibration_{name}", value=1e6 / took.all, unit="samples/s per core", target=TARGET, at_least=True,
        detail=f"{took.all:.2f} µs per sample: {steps}",
    )  # fmt: skip


def _readings(records: Sequence[RawRecord], context: Context) -> list[Reading]:
    outcomes = [decode(record, Lineage(0, offset), 1, context) for offset, record in enumerate(records)]
    return [reading for outcome in outcomes for reading in outcome.readings]


def _aggregated(reading: Reading) -> int:
    """A batch's own windows: folded, and their figures, as the agent sends them each second."""
    windows = Windows(RULE, BEGINNING)
    windows.fold(reading, 0, reading.received_at)
    return sum(1 for _ in windows.emit(Known(1, BEGINNING)))


def _single_rows(records: Sequence[RawRecord]) -> float:
    """µs of CPU per sample, were each a measurement of its own."""
    singles = []
    for reading in _readings(records, _context()):
        every = [point for block in reading.blocks for point in blocks.points(block)]
        for first in range(0, len(every), SINGLES):
            part = every[first : first + SINGLES]
            singles.append(
                Reading(
                    id="", device=reading.device, source=reading.source, correlation_id="", received_at=reading.received_at,
                    time=reading.time, raw_partition=0, raw_offset=first, index=0, generation=1, decoder="", codec=None,
                    mapping_position=-1, physical_uid=None, source_ids={}, measurements=part,
                )
            )  # fmt: skip
    return _best(lambda: _serialised(POINTS, points(enumerate(singles)).columns()), SINGLES * len(singles))


def _serialised(table: Table, columns: Sequence[Sequence[object]]) -> int:
    """The bytes that the client would send, compressed."""
    kinds = [get_from_name(kind) for kind in table.columns.values()]
    context = InsertContext(table.name, list(table.columns), kinds, columns, column_oriented=True, compression="lz4")
    return sum(len(part) for part in NativeTransform.build_insert(context))


def _context() -> Context:
    mapping = DeviceMapping(device=f"vibration:{SERIAL}", physical_uid=1, intervals=[Interval(1, 0)])
    return pipeline.context(Settings().decode, {mapping.device: mapping}.get)


def _raw(number: int, payload: bytes) -> RawRecord:
    return RawRecord(
        id=f"0193{number:028x}", source="vibration", transport="mqtt", address=vibration.topic(SERIAL, "measurements"),
        received_at=START + (number + 1) * SECOND, payload=payload,
    )  # fmt: skip


def _jittered(number: int) -> bytes:
    """A batch whose first sample came a nanosecond late."""
    body = vibration.batch(SERIAL, START, HZ, number)
    first = vibration.written(START + number * SECOND).encode()
    late = vibration.written(START + number * SECOND + 1).encode()
    return body.replace(first, late, 1)


def _best(work: Callable[[], object], count: int) -> float:
    took = []
    for _ in range(ROUNDS):
        began = time.process_time()
        work()
        took.append(time.process_time() - began)
    return min(took) / count * 1e6


if __name__ == "__main__":
    show(results())
