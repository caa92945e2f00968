"""The spool: what it takes over, in which order it gives it back, what it says when it is full."""

import asyncio
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from connectors.sources import spool_file
from connectors.sources.base import Full
from connectors.sources.memory import MemoryWriter
from connectors.sources.spool_database import ROW_BYTES, Database, SpoolError
from connectors.sources.spool_file import SpoolFile
from tests.connectors.sources.spools import TAKEOVER_S, drained, payloads, spool
from tests.contracts.raw_writer import record


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "spool.db"


def test_stays_out_of_the_way_while_the_inner_writer_confirms(path: Path) -> None:
    async def scenario() -> None:
        inner = MemoryWriter()
        async with spool(path, inner) as writer:
            await writer.write(record(b"1"))
            assert (payloads(inner), writer.spooled) == ([b"1"], 0)

    asyncio.run(scenario())


def test_holds_nothing_that_the_inner_writer_has_confirmed(path: Path) -> None:
    """Each record stayed in memory until it would have taken it over, beyond what may be held."""

    async def scenario() -> int:
        async with spool(path, MemoryWriter(), takeover_s=3600) as writer:
            await writer.write(record(b"1"))
            waiting = asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined]  # of asyncio's own loop
            return sum(not handle.cancelled() for handle in waiting)

    assert asyncio.run(scenario()) == 0


def test_takes_over_and_drains_in_order_when_the_inner_writer_is_back(path: Path) -> None:
    async def scenario() -> None:
        inner = MemoryWriter()
        inner.away = True
        async with spool(path, inner) as writer:
            for number in range(20):
                await writer.write(record(b"%d" % number))
            inner.back()
            await drained(writer)
        numbers = [int(payload) for payload in payloads(inner)]
        assert sorted(set(numbers)) == list(range(20))
        assert numbers[1:] == list(range(20)), "the first had been handed over before, so it comes twice"

    asyncio.run(scenario())


def test_shows_its_watchdog_what_lies_on_the_disk_and_that_it_leaves(path: Path) -> None:
    async def scenario() -> None:
        inner, seen = MemoryWriter(), []
        inner.away = True
        async with spool(path, inner) as writer:
            seen.append(writer.work())
            for number in range(3):
                await writer.write(record(b"%d" % number))
            seen.append(writer.work())
            inner.back()
            await drained(writer)
            seen.append(writer.work())
        assert seen == [(0, False), (0, True), (3, False)]

    asyncio.run(scenario())


def test_goes_straight_again_once_it_has_caught_up(path: Path) -> None:
    async def scenario() -> None:
        inner = MemoryWriter()
        inner.away = True
        async with spool(path, inner) as writer:
            await writer.write(record(b"spooled"))
            inner.back()
            await drained(writer)
            await writer.write(record(b"straight"))
            assert (payloads(inner)[-1], writer.spooled) == (b"straight", 0)

    asyncio.run(scenario())


def test_gives_back_after_a_restart_what_it_held(path: Path) -> None:
    async def scenario() -> None:
        away, back = MemoryWriter(), MemoryWriter()
        away.away = True
        async with spool(path, away) as writer:
            await asyncio.gather(*(writer.write(record(b"%d" % number)) for number in range(50)))
        async with spool(path, back) as writer:
            await drained(writer)
        assert payloads(back) == [b"%d" % number for number in range(50)]

    asyncio.run(scenario())


def test_keeps_at_close_what_the_inner_writer_has_not_confirmed(path: Path) -> None:
    async def scenario() -> None:
        away, back = MemoryWriter(), MemoryWriter()
        away.away = True
        async with spool(path, away) as writer:
            writing = asyncio.create_task(writer.write(record(b"late")))
            await asyncio.sleep(0)
        await writing
        async with spool(path, back) as writer:
            await drained(writer)
        assert payloads(back) == [b"late"]

    asyncio.run(scenario())


def test_says_full_instead_of_dropping(path: Path) -> None:
    async def scenario() -> None:
        inner = MemoryWriter()
        inner.away = True
        async with spool(path, inner, quota=5000) as writer:
            await writer.write(record(bytes(4000)))
            with pytest.raises(Full):
                await writer.write(record(bytes(4000)))
            assert not writer.takes_over() or writer.spooled == 1

    asyncio.run(scenario())


def test_waits_for_the_inner_writer_when_full_and_nobody_can_be_told(path: Path) -> None:
    async def scenario() -> None:
        inner, done = MemoryWriter(), asyncio.Event()
        inner.away = True
        async with spool(path, inner, quota=100) as writer:
            writer.submit(record(bytes(1000)), done.set)
            await asyncio.sleep(3 * TAKEOVER_S)
            assert not done.is_set()
            inner.back()
            await asyncio.wait_for(done.wait(), 5)
        assert payloads(inner) == [bytes(1000)]

    asyncio.run(scenario())


def test_takes_what_the_inner_writer_has_no_room_for(path: Path) -> None:
    async def scenario() -> None:
        inner = MemoryWriter(room=0)
        async with spool(path, inner) as writer:
            await writer.write(record(b"1"))
            assert writer.spooled == 1

    asyncio.run(scenario())


def test_has_room_while_the_disk_takes_what_the_inner_writer_has_none_for(path: Path) -> None:
    async def scenario() -> None:
        inner, done = MemoryWriter(room=1), asyncio.Event()
        inner.away = True
        async with spool(path, inner) as writer:
            for number in range(3):
                assert writer.has_room()
                await writer.write(record(b"%d" % number))
            writer.submit(record(b"last"), done.set)
            await asyncio.wait_for(done.wait(), 5)
            assert (writer.has_room(), inner.has_room(), writer.spooled) == (True, False, 4)

    asyncio.run(scenario())


def test_has_no_room_when_inner_writer_and_quota_are_full(path: Path) -> None:
    async def scenario() -> None:
        inner, done = MemoryWriter(room=1), asyncio.Event()
        inner.away = True
        async with spool(path, inner, quota=5000) as writer:
            await writer.write(record(bytes(3000)))
            assert writer.has_room()
            writer.submit(record(bytes(3000)), done.set)
            assert not writer.has_room(), "one waits already that fits nowhere"
            inner.back()
            await asyncio.wait_for(done.wait(), 5)
            await drained(writer)
            assert writer.has_room()

    asyncio.run(scenario())


@pytest.mark.parametrize(("bound", "value"), [("QUEUED_RECORDS", 2), ("QUEUED_BYTES", 1500)])
def test_has_no_room_while_too_much_waits_for_the_disk(
    path: Path, monkeypatch: pytest.MonkeyPatch, bound: str, value: int
) -> None:
    monkeypatch.setattr(spool_file, bound, value)

    async def scenario() -> None:
        inner, done = MemoryWriter(room=0), asyncio.Event()
        inner.away = True
        async with spool(path, inner) as writer:
            writer.submit(record(bytes(700)), print)
            assert writer.has_room()
            writer.submit(record(bytes(700)), done.set)
            assert not writer.has_room()
            await asyncio.wait_for(done.wait(), 5)
            assert writer.has_room()

    asyncio.run(scenario())


def test_has_no_room_on_a_disk_that_is_gone(path: Path, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with spool(path, MemoryWriter(room=0)) as writer:
            path.parent.rename(tmp_path / "elsewhere")
            assert not writer.has_room()

    asyncio.run(scenario())


def test_says_stored_only_when_a_copy_of_its_files_holds_the_record(path: Path, tmp_path: Path) -> None:
    async def scenario() -> None:
        file, stored = SpoolFile(path, 10_000_000), asyncio.Event()
        for number in range(200):
            copy_files: Callable[[], object] = partial(shutil.copytree, path.parent, tmp_path / f"copy-{number}")
            file.put(b"%d" % number, copy_files if number % 50 == 0 else print, print)
        file.put(b"last", stored.set, stored.set)
        await stored.wait()
        await file.close()
        for number in range(0, 200, 50):
            copy = SpoolFile(tmp_path / f"copy-{number}" / path.name, 10_000_000)
            assert b"%d" % number in {row.value for row in await copy.read(1000, 1_000_000)}
            await copy.close()

    asyncio.run(scenario())


def test_counts_what_it_holds_and_gives_space_back(path: Path) -> None:
    async def scenario() -> None:
        file, stored = SpoolFile(path, 10_000_000), asyncio.Event()
        for _ in range(3):
            file.put(bytes(100_000), stored.set, stored.set)
        await stored.wait()
        rows = await file.read(2, 10_000_000)
        assert (len(rows), file.records, file.bytes) == (2, 3, 3 * (100_000 + ROW_BYTES))
        assert len(await file.read(10, 1)) == 1, "at least one"
        await file.remove(rows)
        assert (file.records, file.bytes) == (1, 100_000 + ROW_BYTES)
        await file.remove(await file.read(2, 1))
        await file.close()
        assert path.stat().st_size < 50_000  # noqa: ASYNC240 - a moment

    asyncio.run(scenario())


def test_refuses_a_file_that_another_process_has(path: Path) -> None:
    async def scenario() -> None:
        first = SpoolFile(path, 1000)
        with pytest.raises(SpoolError, match=r"spool .*spool\.db: database is locked"):
            SpoolFile(path, 1000, busy_s=0.01)
        await first.close()

    asyncio.run(scenario())


def test_refuses_a_file_that_another_process_has_opened_again(path: Path) -> None:
    async def scenario() -> None:
        await SpoolFile(path, 1000).close()
        again = SpoolFile(path, 1000)
        with pytest.raises(SpoolError, match=r"spool .*spool\.db: database is locked"):
            SpoolFile(path, 1000, busy_s=0.01)
        await again.close()

    asyncio.run(scenario())


def test_is_synchronous_and_write_ahead(path: Path) -> None:
    async def scenario() -> None:
        file = SpoolFile(path, 1000)
        assert await file._run(pragmas) == ("wal", 2, "exclusive")
        await file.close()

    asyncio.run(scenario())


def pragmas(database: Database) -> tuple[object, ...]:
    return tuple(
        database.connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "locking_mode")
    )
