"""A spool whose file is damaged or taken away: what is acknowledged lies where the next process finds it."""

import asyncio
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.sources import spool_database, spool_salvage
from connectors.sources.memory import MemoryWriter
from connectors.sources.spool_database import SpoolError
from connectors.sources.spool_file import SpoolFile
from tests.connectors.sources.spools import drained, payloads, spool, stepped_back
from tests.contracts.raw_writer import record

PAGE = 4096
QUOTA = 50_000_000
VALUES = [b"%03d" % number + bytes(997) for number in range(300)]
"""Four of them to a page, or three."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spool" / "spool.db"


async def put(file: SpoolFile, *values: bytes) -> list[bool]:
    """Which of them were stored."""
    told: list[asyncio.Future[bool]] = [asyncio.get_running_loop().create_future() for _ in values]
    for value, outcome in zip(values, told, strict=True):
        file.put(value, lambda outcome=outcome: outcome.set_result(True), lambda outcome=outcome: outcome.set_result(False))  # type: ignore[misc]  # fmt: skip
    async with asyncio.timeout(30):
        return list(await asyncio.gather(*told))


async def values(file: SpoolFile) -> list[bytes]:
    return [row.value for row in await file.read(1000, QUOTA)]


async def found_by_the_next(path: Path, tmp_path: Path) -> list[bytes]:
    """What lies there for a process that is started after this one was killed."""
    copy = tmp_path / "copy"
    shutil.copytree(path.parent, copy)
    file = SpoolFile(copy / path.name, QUOTA)
    found = await values(file)
    await file.close()
    return found


def wipe(path: Path) -> None:
    for one in path.parent.iterdir():
        one.unlink()


def wipe_the_log(path: Path) -> None:
    path.with_name(f"{path.name}-wal").unlink()


def put_another_there(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(b"no spool")
    other.replace(path)


HARMS: list[Callable[[Path], None]] = [wipe, Path.unlink, wipe_the_log, put_another_there]


@pytest.mark.parametrize("harm", HARMS)
def test_what_is_acknowledged_after_its_files_were_wiped_is_found_by_the_next_process(
    path: Path, tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    async def scenario() -> None:
        file = SpoolFile(path, QUOTA)
        assert await put(file, b"before") == [True]
        harm(path)
        assert await put(file, b"after", b"again") == [True, True]
        assert await found_by_the_next(path, tmp_path) == [b"before", b"after", b"again"]
        await values(file)
        assert file.records == 3
        await file.close()
        assert await found_again(path) == [b"before", b"after", b"again"], "nor does who ends take the new files along"

    asyncio.run(scenario())


async def found_again(path: Path) -> list[bytes]:
    file = SpoolFile(path, QUOTA)
    found = await values(file)
    await file.close()
    return found


def test_what_is_wiped_while_it_is_committed_is_acknowledged_only_when_it_lies_there_again(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert = spool_database._insert

    def insert_and_wipe(*arguments: Any) -> None:
        insert(*arguments)
        wipe(path)

    async def scenario() -> None:
        file = SpoolFile(path, QUOTA)
        monkeypatch.setattr(spool_database, "_insert", insert_and_wipe)
        assert await put(file, b"1") == [True]
        assert await found_by_the_next(path, tmp_path) == [b"1"]
        await values(file)
        assert file.records == 1
        await file.close()

    asyncio.run(scenario())


def test_nothing_is_acknowledged_while_what_was_wiped_cannot_be_made_anew(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fault(*_: object) -> None:
        raise OSError("no space left on device")

    async def scenario() -> None:
        file = SpoolFile(path, QUOTA)
        await put(file, b"before")
        wipe(path)
        with monkeypatch.context() as patched:
            patched.setattr(spool_salvage, "replace", fault)
            assert await put(file, b"refused") == [False]
            assert await values(file) == [b"before"], "it is still to be had"
        assert await put(file, b"after") == [True]
        assert await found_by_the_next(path, tmp_path) == [b"before", b"after"]
        await file.close()

    asyncio.run(scenario())


def test_a_file_that_another_process_has_made_there_is_left_to_it(path: Path) -> None:
    async def scenario() -> None:
        first = SpoolFile(path, QUOTA, busy_s=0.01)
        await put(first, b"first")
        wipe(path)
        second = SpoolFile(path, QUOTA)
        assert await put(second, b"second") == [True]
        assert await put(first, b"refused") == [False]
        assert await values(second) == [b"second"]
        await second.close()
        await first.close()
        assert await found_again(path) == [b"second"]

    asyncio.run(scenario())


def test_a_batch_under_way_takes_no_newer_value_along(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(_: object) -> Iterator[tuple[int, bytes]]:
        return iter(())

    async def scenario() -> None:
        file = SpoolFile(path, QUOTA)
        await put(file, b"1", b"2", b"3")
        under_way = await file.read(1000, QUOTA)
        wipe(path)
        monkeypatch.setattr(spool_salvage, "readable", nothing)
        assert await put(file, b"newer") == [True]
        await file.remove(under_way)
        assert await values(file) == [b"newer"]
        assert (file.records, file.bytes) == (1, len(b"newer") + spool_database.ROW_BYTES)
        await file.close()

    asyncio.run(scenario())


async def filled(path: Path) -> None:
    file = SpoolFile(path, QUOTA)
    assert all(await put(file, *VALUES))
    await file.close()


def zero(path: Path, *pages: int) -> None:
    with path.open("r+b") as file:
        for page in pages:
            file.seek(page * PAGE)
            file.write(bytes(PAGE))


def cut(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // PAGE * 2 // 3 * PAGE)


def overwrite(path: Path) -> None:
    path.write_bytes(b"no database " * 1000)


DAMAGES: dict[str, tuple[Callable[[Path], None], int]] = {
    "a page in the middle": (lambda path: zero(path, 30), 4),
    "two pages": (lambda path: zero(path, 30, 50), 8),
    "the first rows": (lambda path: zero(path, 4), 4),
    "where the last number is kept": (lambda path: zero(path, 3), 0),
    "where all pages are told": (lambda path: zero(path, 2), 300),
    "cut off": (cut, 108),
    "no database": (overwrite, 300),
}
"""What is done to a file of 300 rows, and how many it costs."""


@pytest.mark.parametrize(("damage", "lost"), DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_file_is_put_aside_and_what_can_be_read_of_it_comes_in_its_order(
    path: Path, damage: Callable[[Path], None], lost: int
) -> None:
    async def scenario() -> None:
        await filled(path)
        damage(path)
        damaged = path.read_bytes()  # noqa: ASYNC240 - a moment
        file = SpoolFile(path, QUOTA)
        found = await values(file)
        assert found == [value for value in VALUES if value in found]
        assert (len(found), file.records) == (300 - lost, 300 - lost)
        assert await put(file, b"new") == [True]
        assert await values(file) == [*found, b"new"]
        await file.close()
        assert [one.read_bytes() for one in path.parent.glob("spool.db.damaged-*Z")] == [damaged]

    asyncio.run(scenario())


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("harm", [empty, Path.unlink])
def test_rows_of_the_log_outlive_an_empty_file(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    """SQLite threw the log away without a word: all that was acknowledged since the last checkpoint."""

    async def scenario() -> None:
        path, killed = tmp_path / "spool" / "spool.db", tmp_path / "killed"
        file = SpoolFile(path, QUOTA)
        assert await put(file, *VALUES[:50]) == [True] * 50
        shutil.copytree(path.parent, killed)
        await file.close()
        harm(killed / path.name)

        found = SpoolFile(killed / path.name, QUOTA)
        assert await values(found) == VALUES[:50]
        assert found.records == 50
        await found.close()

    asyncio.run(scenario())


@pytest.mark.parametrize("harm", [empty, Path.unlink])
def test_what_the_log_does_not_hold_is_damage_like_any_other(
    tmp_path: Path, harm: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    async def scenario() -> None:
        path, killed = tmp_path / "spool" / "spool.db", tmp_path / "killed"
        file = SpoolFile(path, QUOTA)
        await put(file, *VALUES[:50])
        await file.close()
        file = SpoolFile(path, QUOTA)
        await put(file, *VALUES[50:60])
        shutil.copytree(path.parent, killed)
        await file.close()
        harm(killed / path.name)

        found = SpoolFile(killed / path.name, QUOTA)
        assert set(await values(found)) <= set(VALUES[:60])
        assert await put(found, VALUES[60]) == [True]
        assert (await values(found))[-1] == VALUES[60]
        await found.close()

    asyncio.run(scenario())
    assert "spool-emptied" in "".join(capsys.readouterr())


def test_damage_that_is_met_later_costs_one_row_and_holds_up_nothing(path: Path) -> None:
    """A page in the middle of a long value is looked at when the value is read, not at the start."""
    bodies = [b"%d" % number * 20_000 for number in range(9)]

    async def scenario() -> None:
        away, back = MemoryWriter(), MemoryWriter()
        away.away = True
        async with spool(path, away) as writer:
            for body in bodies:
                await writer.write(record(body))
        zero(path, 24)
        file = SpoolFile(path, QUOTA)
        assert file.records == 9, "the start does not see it"
        await file.close()
        async with spool(path, back) as writer:
            await drained(writer)
            await stepped_back(writer)
            await writer.write(record(b"straight"))
        assert payloads(back) == [*bodies[:4], *bodies[5:], b"straight"]

    asyncio.run(scenario())


class Killed(BaseException):
    """As if the process had ended here."""


@pytest.mark.parametrize("step", [1, 2, 3, 4, 5])
def test_who_is_killed_while_it_salvages_leaves_every_readable_row_to_the_next(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    rename, steps = Path.rename, iter(range(1, 6))

    def rename_until(one: Path, target: Path) -> Path:
        if next(steps) == step:
            raise Killed
        return rename(one, target)

    async def scenario() -> None:
        await filled(path)
        zero(path, 30)
        with monkeypatch.context() as patched:
            patched.setattr(Path, "rename", rename_until)
            with pytest.raises(Killed):
                SpoolFile(path, QUOTA)
        found = await found_by_the_next(path, tmp_path)
        assert len(found) == 296
        assert found == [value for value in VALUES if value in found]
        assert len(list((tmp_path / "copy").glob("spool.db.damaged-*Z"))) == 1

    asyncio.run(scenario())


def test_a_file_that_a_disk_does_not_read_is_not_taken_for_damaged(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fault(_: object) -> tuple[int, int]:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR
        raise error

    async def scenario() -> None:
        await filled(path)
        with monkeypatch.context() as patched:
            patched.setattr(spool_database, "_measure", fault)
            with pytest.raises(SpoolError, match=r"spool\.db: disk I/O error"):
                SpoolFile(path, QUOTA)
        assert await found_again(path) == VALUES

    asyncio.run(scenario())
