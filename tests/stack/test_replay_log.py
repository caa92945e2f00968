"""The log's side of replay on the real Kafka: reading raw, planning, staging in processes."""

import os
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import msgspec
import psutil
import pytest

from connectors.sinks.archive import ArchiveSink
from connectors.sinks.base import Record
from streams import avro
from streams.archive import Hole
from streams.core.receipt import TOLERANCE
from streams.core.records import DeviceMapping, Interval, RawRecord
from streams.registry.hashes import code_hash
from streams.replay import source
from streams.replay.decoding import decode
from streams.replay.job import Mode
from streams.replay.plan import Plan, Span, plan
from streams.replay.runs import Runs
from streams.replay.selection import Selection
from streams.replay.source import Chunk
from streams.replay.staging import merge
from streams.replay.store import Staged
from streams.replay.task import Task
from streams.settings import Settings
from tests.stack import raw_log
from tests.stack.harness import Installation, eventually
from tests.stack.proxy import Proxy
from tests.stack.raw_log import json_record, open_generation, write_raw


@pytest.fixture
def slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is fetched far ahead, so that something is left to go wrong."""
    monkeypatch.setitem(source.CONSUMER, "queued.max.messages.kbytes", 1)
    monkeypatch.setitem(source.CONSUMER, "fetch.message.max.bytes", 1_000)


def archive_all(settings: Settings, partition: int, records: Sequence[RawRecord], first: int = 0) -> None:
    """As the archive sink keeps them."""
    sink = ArchiveSink(settings)
    sink.write([
        Record("raw", partition, offset, b"k", avro.encode(record), record.received_at)
        for offset, record in enumerate(records, first)
    ])  # fmt: skip
    sink.close()


def write_batches(settings: Settings, records: Sequence[RawRecord]) -> None:
    """To partition 0, as several batches: Kafka gives no less than one at a time."""
    for first in range(0, len(records), 50):
        write_raw(settings.kafka, records[first : first + 50], partition=0)


def offsets_of(found: Iterable[Chunk | Hole]) -> tuple[dict[int, list[int]], list[Hole]]:
    """Raw partition -> offsets in the order in which they came, and the holes; every offset is accounted for, once."""
    offsets: dict[int, list[int]] = {}
    holes, positions = [], dict[int, int]()
    for one in found:
        assert positions.setdefault(one.partition, one.first) == one.first
        if isinstance(one, Hole):
            holes.append(one)
            positions[one.partition] = one.last + 1
        else:
            offsets.setdefault(one.partition, []).extend(offset for offset, _ in one.records)
            positions[one.partition] = one.next
    return offsets, holes


def test_reads_what_kafka_has_no_more_from_the_archive_and_names_what_neither_has(installation: Installation) -> None:
    settings = installation.settings
    records = [json_record(n) for n in range(60)]
    write_raw(settings.kafka, records, partition=1)
    write_raw(settings.kafka, records[:5], partition=2)
    archive_all(settings, 1, records[10:30], first=10)
    raw_log.delete_before(settings.kafka, {1: 35})

    offsets, holes = offsets_of(source.records(settings, {1: 5}, {0: 0, 1: 50, 2: 5}))
    planned = plan(settings, Selection(offsets={"1": (5, 50)}), Mode.DECODE)

    assert offsets == {1: [*range(10, 30), *range(35, 50)], 2: [0, 1, 2, 3, 4]}
    assert holes == [Hole(1, 5, 9, "not in the archive"), Hole(1, 30, 34, "not in the archive")]
    assert planned.partitions == {1: Span(start=5, end=50, kafka_from=35)}
    assert (planned.holes, planned.records, planned.archived) == (holes, 35, 30)


@pytest.mark.usefixtures("slowly")
def test_what_is_deleted_while_it_is_read_comes_from_the_archive(installation: Installation) -> None:
    settings = installation.with_settings(replay={"records_per_s": 10}).settings
    records = [json_record(n) for n in range(300)]
    write_batches(settings, records)
    archive_all(settings, 0, records[:200])

    reading = source.records(settings, {}, {0: 300})
    first = next(reading)
    raw_log.delete_before(settings.kafka, {0: 250})
    offsets, holes = offsets_of([first, *reading])

    missing = [offset for hole in holes for offset in range(hole.first, hole.last + 1)]
    assert sorted(offsets[0] + missing) == list(range(300))
    assert set(offsets[0]) >= {*range(200), *range(250, 300)}


@pytest.mark.usefixtures("slowly")
def test_waits_while_kafka_is_away_and_goes_on(installation: Installation) -> None:
    write_batches(installation.settings, [json_record(n) for n in range(300)])
    proxy = Proxy(installation.stack.kafka, kafka=True)
    away = installation.with_settings(kafka={"bootstrap_servers": proxy.address}, replay={"records_per_s": 10}).settings
    with ThreadPoolExecutor(1) as thread:
        reading = source.records(away, {}, {0: 300})
        first = thread.submit(next, reading)
        assert not wait([first], 0.5).done
        proxy.open()
        begun = first.result(20)
        proxy.shut()
        rest = thread.submit(list, reading)
        assert not wait([rest], 0.5).done
        proxy.open()
        offsets, holes = offsets_of([begun, *rest.result(30)])
    proxy.close()

    assert (offsets, holes) == ({0: list(range(300))}, [])


def test_begins_where_times_and_what_is_known_say(installation: Installation) -> None:
    log = {"decode": {"future_limit_s": 100}, "window": {"grace_s": 0}}
    settings = installation.with_settings(**log).settings
    open_generation(settings.kafka, code=code_hash(settings.decode))
    write_raw(settings.kafka, [json_record(n) for n in range(20)], partition=0)
    write_raw(settings.kafka, [json_record(n) for n in range(20)], partition=1)
    between = time.time_ns() + 1_000_000
    eventually(lambda: time.time_ns() > between)
    write_raw(settings.kafka, [json_record(n) for n in range(5)], partition=0)
    write_raw(settings.kafka, [json_record(n) for n in range(5)], partition=1)

    def spans(selection: Selection, mode: Mode = Mode.DECODE, known: Runs | None = None) -> list[tuple[int, int]]:
        planned = plan(settings, selection, mode, known).partitions
        return [(planned[p].start, planned[p].end) for p in (0, 1)]

    late = Selection(time_from=between + 100 * 10**9 + TOLERANCE)
    known = Runs([(0, 7, 7), (0, 11, 12)])
    planned = plan(settings, Selection(received_until=between, time_until=between), Mode.DECODE)
    assert [(span.start, span.end) for span in planned.partitions.values()][:2] == [(0, 25), (0, 25)]
    assert spans(Selection(received_from=between + TOLERANCE)) == [(20, 25), (20, 25)]
    assert spans(late, known=known) == [(7, 25), (20, 25)]
    assert spans(Selection(), Mode.DEAD_LETTERS, known) == [(7, 13), (25, 25)]
    assert (planned.generation, planned.deployed, planned.code) == (1, True, code_hash(settings.decode))
    assert msgspec.json.decode(msgspec.json.encode(planned), type=Plan) == planned
    with pytest.raises(ValueError, match="raw partition 0 ends at offset 25, before 25"):
        plan(settings, Selection(offsets={"0": (25, 30)}), Mode.DECODE)


def test_begins_in_the_archive_where_kafka_has_nothing_left(installation: Installation) -> None:
    """A partition that was quiet for longer than Kafka keeps records has none, and so none since any time."""
    settings, begun = installation.settings, time.time_ns()
    records = [json_record(n) for n in range(20)]
    write_raw(settings.kafka, records, partition=0)
    archive_all(settings, 0, records)

    def span(received_from: int) -> Span:
        return plan(settings, Selection(received_from=received_from), Mode.RESTORE).partitions[0]

    assert span(begun + 3600 * 10**9) == Span(start=20, end=20, kafka_from=0)
    raw_log.delete_before(settings.kafka, {0: 20})
    assert span(begun) == Span(start=0, end=20, kafka_from=20)


def test_stages_what_live_decoding_would_store(installation: Installation) -> None:
    settings = installation.settings
    open_generation(settings.kafka)
    mapping = DeviceMapping(device="json:d7", physical_uid=1, intervals=[Interval(276, 0)])
    raw_log.write(settings.kafka, "device-mapping", mapping.device, mapping)
    write_raw(settings.kafka, [json_record(n) for n in range(1_000)])
    task = Task(settings=settings, selection=Selection(), mode=Mode.DECODE)
    ends = raw_log.ends(settings.kafka)

    made, reached = Staged(), dict[int, int]()
    for staged, checkpoint in decode(task, source.records(settings, {}, ends), 1):  # type: ignore[arg-type]  # no holes
        merge(made, staged)
        reached |= checkpoint

    assert reached == ends
    assert sorted(made.value) == [float(n) for n in range(1_000)]  # type: ignore[type-var]  # all numbers
    assert {uid for value, uid in zip(made.value, made.logical_uid, strict=True) if value in (7.0, 57.0)} == {276}
    assert made.logical_uid.count(276) == 20
    assert made.selected.records == made.records == 1_000


SLOW = """
import sys, time
from streams.replay.decoding import decode
from tests.streams.replay.test_decoding import REGISTRY, chunks, task

def until_killed():
    yield from chunks(4)
    print("begun", flush=True)
    time.sleep(60)

if __name__ == "__main__":
    list(decode(task(), until_killed(), 1, REGISTRY))
"""


def test_processes_that_decode_end_with_the_one_that_is_killed(tmp_path: Path) -> None:
    program = tmp_path / "slow.py"
    program.write_text(SLOW, "utf-8")
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen([sys.executable, program], stdout=subprocess.PIPE, env=environment) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"begun\n"
        children = psutil.Process(parent.pid).children()
        parent.kill()

    assert children
    eventually(lambda: not any(child.is_running() for child in children))
