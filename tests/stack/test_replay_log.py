"""The log's side of replay on the real Kafka: reading raw, planning, staging in processes."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import fastavro
import pytest
from msgspec.structs import asdict

from streams import archive, avro
from streams.archive import Archived, Hole
from streams.core.records import RawRecord
from streams.replay import source
from streams.replay.source import Chunk
from streams.settings import Settings
from tests.stack import raw_log
from tests.stack.harness import Installation
from tests.stack.raw_log import json_record, write_raw


def archived(settings: Settings, partition: int, offsets: Sequence[int], records: Sequence[RawRecord]) -> None:
    """One closed archive file."""
    folder = settings.files.archive / archive.directory(partition)
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        asdict(Archived(partition, offset, record.received_at, b"k", avro.encode(record)))
        for offset, record in zip(offsets, records, strict=True)
    ]
    with (folder / (archive.stem(partition, offsets[0], offsets[-1]) + archive.SUFFIX)).open("wb") as file:
        fastavro.writer(file, archive.SCHEMA, rows, codec="null")


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
    archived(settings, 1, range(10, 30), records[10:30])
    raw_log.delete_before(settings.kafka, {1: 35})

    offsets, holes = offsets_of(source.records(settings, {1: 5}, {0: 0, 1: 50, 2: 5}))

    assert offsets == {1: [*range(10, 30), *range(35, 50)], 2: [0, 1, 2, 3, 4]}
    assert holes == [Hole(1, 5, 9, "not in the archive"), Hole(1, 30, 34, "not in the archive")]


def test_what_is_deleted_while_it_is_read_comes_from_the_archive(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = installation.with_settings(replay={"records_per_s": 10}).settings
    monkeypatch.setitem(source.CONSUMER, "queued.max.messages.kbytes", 1)
    monkeypatch.setitem(source.CONSUMER, "fetch.message.max.bytes", 1_000)
    records = [json_record(n) for n in range(300)]
    write_raw(settings.kafka, records, partition=0)
    archived(settings, 0, range(200), records[:200])

    reading = source.records(settings, {}, {0: 300})
    first = next(reading)
    raw_log.delete_before(settings.kafka, {0: 250})
    offsets, holes = offsets_of([first, *reading])

    missing = [offset for hole in holes for offset in range(hole.first, hole.last + 1)]
    assert sorted(offsets[0] + missing) == list(range(300))
    assert set(offsets[0]) >= {*range(200), *range(250, 300)}
