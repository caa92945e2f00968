"""What lies in a spool and cannot be handed over, and what a spool that ends leaves behind."""

import asyncio
import hashlib
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from connectors.dead_letters.resubmit import record_of
from connectors.sources import spool as spool_module
from connectors.sources import spool_database
from connectors.sources.base import Full
from connectors.sources.memory import MemoryWriter
from connectors.sources.spool_aside import Aside
from connectors.sources.spool_database import Row
from connectors.sources.spool_file import SpoolFile
from streams import avro
from streams.core.records import RawRecord
from tests.connectors.sources.spools import Letters, drained, payloads, spool, stepped_back
from tests.contracts.raw_writer import record


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spool.db"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_module, "RETRY_S", 0.02)


async def filled(path: Path, *bodies: bytes) -> None:
    """A spool that was closed before Kafka took anything."""
    inner = MemoryWriter()
    inner.away = True
    async with spool(path, inner) as writer:
        for body in bodies:
            await writer.write(record(body))


def overwrite(path: Path, number: int, value: bytes) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE spool SET value = ? WHERE number = ?", (value, number))


TORN = {
    "nothing": (b"", "not-avro"),
    "zeros": (bytes(120), "unknown-schema"),
    "a later version": (avro.MAGIC + b"eightown" + bytes(50), "unknown-schema"),
    "cut off": (avro.encode(record(b"body"))[:30], "broken-body"),
}


@pytest.mark.parametrize(("value", "reason"), TORN.values(), ids=TORN)
def test_a_row_that_holds_no_record_is_put_aside_and_told_and_its_neighbours_come_once(
    path: Path, value: bytes, reason: str
) -> None:
    async def scenario() -> None:
        inner, letters = MemoryWriter(), Letters()
        await filled(path, b"1", b"2", b"3", b"4")
        overwrite(path, 3, value)
        async with spool(path, inner, letters=letters) as writer:
            await drained(writer)
            await stepped_back(writer)
            await writer.write(record(b"straight"))
        assert payloads(inner) == [b"1", b"2", b"4", b"straight"]
        (letter,) = letters
        digest = hashlib.sha256(value).hexdigest()
        told = json.loads(letter.detail)
        assert (letter.stage, letter.reason, letter.raw_partition) == ("door", reason, -1)
        assert (told["sha256"], told["bytes"]) == (digest, len(value))
        put_aside = Path(urlsplit(letter.body or "").path)
        assert put_aside == path.parent / "diverted" / f"{digest}-row-3"
        assert put_aside.read_bytes() == value  # noqa: ASYNC240 - a moment
        with pytest.raises(avro.AvroError, match=reason):
            record_of(letter)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("damage", "sound", "aside"),
    [("CAST(value AS TEXT)", [b"1", b"2", b"3"], []), ("7", [b"1", b"3"], [b"7"]), ("NULL", [b"1", b"3"], [b""])],
    ids=["text", "number", "nothing"],
)
def test_a_row_whose_type_has_changed_holds_up_nothing(
    path: Path, damage: str, sound: list[bytes], aside: list[bytes]
) -> None:
    """One bit of a row's head makes text of its bytes, which is no UTF-8; SQLite sees no damage."""
    inner, letters = MemoryWriter(), Letters()

    async def scenario() -> None:
        await filled(path, b"1", b"2", b"3")
        with closing(sqlite3.connect(path)) as database, database:
            database.execute("CREATE TABLE lax (number INTEGER PRIMARY KEY AUTOINCREMENT, value BLOB)")
            database.execute(f"INSERT INTO lax SELECT number, iif(number = 2, {damage}, value) FROM spool")
            database.executescript("DROP TABLE spool; ALTER TABLE lax RENAME TO spool")
        async with spool(path, inner, letters=letters) as writer:
            await drained(writer)

    asyncio.run(scenario())
    assert payloads(inner) == sound
    assert [Path(urlsplit(letter.body or "").path).read_bytes() for letter in letters] == aside


def test_a_row_of_a_later_version_is_a_record_again_once_that_version_is_there(path: Path) -> None:
    one = record(b"body", qos="1")
    unknown = avro.AvroError("unknown-schema", "fingerprint 00")

    async def scenario() -> None:
        letter = await Aside(path.parent / "diverted", "webhook").keep(Row(7, avro.encode(one)), unknown)
        assert (letter.reason, letter.correlation_id) == ("unknown-schema", "")
        assert record_of(letter) == one

    asyncio.run(scenario())


def test_a_row_is_not_put_aside_because_memory_was_short(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decode, short = avro.decode, [True]

    def decode_later(data: bytes, kind: type[RawRecord]) -> RawRecord:
        if short:
            short.pop()
            raise avro.AvroError("broken-body", "MemoryError()") from MemoryError()
        return decode(data, kind)

    monkeypatch.setattr(avro, "decode", decode_later)

    async def scenario() -> None:
        inner, letters = MemoryWriter(), Letters()
        await filled(path, b"1", b"2")
        async with spool(path, inner, letters=letters) as writer:
            await drained(writer)
        assert (payloads(inner), letters, short) == ([b"1", b"2"], [], [])

    asyncio.run(scenario())
    assert not (path.parent / "diverted").exists()


def test_nothing_is_handed_over_twice_nor_held_back_while_a_row_cannot_be_put_aside(path: Path) -> None:
    in_the_way = path.parent / "diverted"

    async def scenario() -> None:
        inner, letters = MemoryWriter(), Letters()
        await filled(path, b"1", b"2", b"3")
        overwrite(path, 2, bytes(100))
        in_the_way.touch()
        async with spool(path, inner, quota=10_000, letters=letters) as writer:
            await stepped_back(writer)
            for number in range(50):
                await writer.write(record(b"new %d" % number + bytes(1000)))
            assert [body[:4] for body in payloads(inner)] == [b"new "] * 50
            assert (writer.spooled, letters) == (3, [])
            in_the_way.unlink()
            await drained(writer)
        assert payloads(inner)[50:] == [b"1", b"3"]
        assert len(letters) == 1

    asyncio.run(scenario())


def test_a_batch_that_is_confirmed_while_the_process_ends_is_not_sent_by_the_next(path: Path) -> None:
    async def scenario() -> None:
        inner, following = MemoryWriter(), MemoryWriter()
        await filled(path, b"1", b"2", b"3")
        inner.away = True
        async with spool(path, inner):
            await handed_over(inner, 3)
            inner.away = False
        async with spool(path, following) as writer:
            assert writer.spooled == 0
        assert (payloads(inner), payloads(following)) == ([b"1", b"2", b"3"], [])

    asyncio.run(scenario())


def test_a_batch_that_is_not_confirmed_when_the_process_ends_is_sent_by_the_next(path: Path) -> None:
    async def scenario() -> None:
        inner, following = MemoryWriter(), MemoryWriter()
        await filled(path, b"1", b"2", b"3")
        inner.away = True
        async with spool(path, inner):
            await handed_over(inner, 3)
        async with spool(path, following) as writer:
            await drained(writer)
        assert payloads(following) == [b"1", b"2", b"3"]

    asyncio.run(scenario())


async def handed_over(inner: MemoryWriter, records: int) -> None:
    async with asyncio.timeout(10):
        while len(inner._held) < records:  # noqa: ASYNC110 - nothing tells it
            await asyncio.sleep(0.005)


def test_a_write_that_finds_no_memory_is_refused_and_the_next_one_is_not(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert, short = spool_database._insert, [True]

    def insert_later(*arguments: object) -> None:
        if short:
            short.pop()
            raise MemoryError
        insert(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(spool_database, "_insert", insert_later)

    async def scenario() -> None:
        inner = MemoryWriter()
        inner.away = True
        async with spool(path, inner) as writer:
            with pytest.raises(Full):
                await asyncio.wait_for(writer.write(record(b"1")), 10)
            await asyncio.wait_for(writer.write(record(b"2")), 10)
            assert writer.spooled == 1

    asyncio.run(scenario())


def test_a_read_that_finds_no_memory_is_done_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    oldest, short = spool_database._oldest, [True]

    def oldest_later(database: sqlite3.Connection, most_records: int, most_bytes: int) -> list[spool_database.Row]:
        if short:
            short.pop()
            raise MemoryError
        return oldest(database, most_records, most_bytes)

    async def scenario() -> None:
        inner = MemoryWriter()
        await filled(path, b"1", b"2")
        monkeypatch.setattr(spool_database, "_oldest", oldest_later)
        async with spool(path, inner) as writer:
            await drained(writer)
        assert (payloads(inner), short) == ([b"1", b"2"], [])

    asyncio.run(scenario())


def test_a_file_whose_thread_met_a_fault_is_closed_all_the_same(path: Path) -> None:
    def fault(_database: object) -> None:
        raise MemoryError

    async def scenario() -> None:
        file = SpoolFile(path, 1000)
        with pytest.raises(MemoryError):
            await file._run(fault)
        await asyncio.wait_for(file.close(), 10)

    asyncio.run(scenario())
