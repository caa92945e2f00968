"""Raw records per second and core of a replay's decoding: Avro in, columns of points out, no servers needed.

`python -m benchmarks.replay_decode` prints the figures, and what of it each step takes.
"""

import gc
import json
import time
from collections.abc import Callable, Sequence

from msgspec import Struct

from benchmarks.decode_load import DEVICES, mappings
from benchmarks.decode_load import records as uplinks
from benchmarks.result import Result, show
from streams import avro, pipeline
from streams.core.decode import measure_batch
from streams.core.records import DeviceMapping, Generation, Interval, Lineage, RawRecord
from streams.replay.decoding import COLLECT_EVERY, decode
from streams.replay.job import Mode
from streams.replay.selection import Selection
from streams.replay.source import READ_AT_ONCE, Chunk
from streams.replay.staging import Stager
from streams.replay.task import Registry, Task
from streams.rows import Origin, Points, add_measurements
from streams.settings import Settings

RECORDS, ROUNDS, TARGET = 20_000, 7, 50_000
SECOND = 1_000_000_000
NOON = 1_793_620_800 * SECOND


class Breakdown(Struct, frozen=True):
    """µs of CPU per raw record: all of it, and its steps."""

    all: float
    avro: float
    measure: float
    columns: float

    @property
    def rest(self) -> float:
        """Selecting, generations, lineages."""
        return self.all - self.avro - self.measure - self.columns


def results() -> list[Result]:
    """One figure for each kind of record, measured in this process."""
    loads = {
        "json_1": [_json(n, 1) for n in range(RECORDS)],
        "json_4": [_json(n, 4) for n in range(RECORDS)],
        "lpp_4": list(uplinks(RECORDS)),
    }
    return [_result(name, measure(records)) for name, records in loads.items()]


def measure(records: Sequence[RawRecord]) -> Breakdown:
    """The best of ``ROUNDS`` rounds, so that what else the machine does counts less."""
    task, registry = Task(settings=Settings(), selection=Selection(), mode=Mode.DECODE), _registry()
    values, stager = [avro.encode(record) for record in records], Stager(task, registry)
    chunks = [_chunk(values, first) for first in range(0, len(values), READ_AT_ONCE)]
    context = pipeline.context(task.settings.decode, registry.mappings.get)
    items = [(record, Lineage(0, offset), 1) for offset, record in enumerate(records)]
    batches = [items[first : first + READ_AT_ONCE] for first in range(0, len(items), READ_AT_ONCE)]
    accounts = [account for batch in batches for account in measure_batch(batch, context)]

    def columns() -> None:
        made = Points()
        for (record, _, _), account in zip(items, accounts, strict=True):
            for one in account.measured:
                origin = Origin(one.message.sender.device, record.source, record.received_at, 1)
                add_measurements(made, origin, one.measurements)

    return Breakdown(
        all=_best(lambda: [stager.stage(chunk) for chunk in chunks], len(records)),
        avro=_best(lambda: [avro.decode(value, RawRecord) for value in values], len(records)),
        measure=_best(lambda: [measure_batch(batch, context) for batch in batches], len(records)),
        columns=_best(columns, len(records)),
    )


def in_processes(processes: int, rounds: int = 10) -> float:
    """Raw records per second of wall clock by way of ``decode``, from the first answer on."""
    values = [avro.encode(_json(n, 4)) for n in range(RECORDS)]
    chunks = [_chunk(values, first) for first in range(0, RECORDS, READ_AT_ONCE)] * rounds
    task = Task(settings=Settings(), selection=Selection(), mode=Mode.DECODE)
    answers = decode(task, chunks, processes, _registry())
    next(answers)
    began = time.perf_counter()
    count = sum(staged.records for staged, _ in answers)
    return count / (time.perf_counter() - began)


def _result(name: str, took: Breakdown) -> Result:
    steps = ", ".join(f"{step} {getattr(took, step):.1f}" for step in ("avro", "measure", "columns", "rest"))
    return Result(
        name=f"replay_decode_{name}", value=1e6 / took.all, unit="raw/s per core", target=TARGET, at_least=True,
        detail=f"{took.all:.1f} µs per record: {steps}",
    )  # fmt: skip


def _best(work: Callable[[], object], count: int) -> float:
    took = []
    before = gc.get_threshold()
    gc.set_threshold(*COLLECT_EVERY)  # as in the processes that decode
    for _ in range(ROUNDS):
        began = time.process_time()
        work()
        took.append(time.process_time() - began)
    gc.set_threshold(*before)
    return min(took) / count * 1e6


def _registry() -> Registry:
    known = [*mappings(), *(_mapping(f"json:d{n}") for n in range(DEVICES))]
    opened = Generation(
        number=1, fences={"0": 0}, code="", codecs="", rules="", opened_at=0, opened_by="benchmark", why="benchmark"
    )  # fmt: skip
    return Registry(mappings={mapping.device: mapping for mapping in known}, generations=(opened,))


def _mapping(device: str) -> DeviceMapping:
    return DeviceMapping(device=device, physical_uid=1, intervals=[Interval(logical_uid=1, start=0)])


def _chunk(values: Sequence[bytes], first: int) -> Chunk:
    part = list(enumerate(values[first : first + READ_AT_ONCE], first))
    return Chunk(0, first, first + len(part), part, [NOON] * len(part))


def _json(n: int, measurements: int) -> RawRecord:
    told = NOON + n * SECOND
    values = {f"m{i}": round(20 + i + n % 100 / 10, 1) for i in range(measurements)}
    body = {"device": f"d{n % DEVICES}", "time": told // SECOND, "values": values}
    return RawRecord(
        id=f"0193{n:028x}", source="json", transport="mqtt", address=f"json/d{n % DEVICES}",
        received_at=told + SECOND // 2, payload=json.dumps(body).encode(),
    )  # fmt: skip


def main() -> None:
    """Print the figures."""
    show(results())
    for processes in (1, 2):
        print(f"{processes} process(es), 4 values each: {in_processes(processes):,.0f} raw records/s")


if __name__ == "__main__":
    main()
