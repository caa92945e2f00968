"""Bodies that Kafka refuses: kept byte for byte, found again by the dead letter."""

import asyncio
import errno
import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

import fsspec  # type: ignore[import-untyped]  # has no stubs
import orjson
import pytest
from fsspec.implementations.memory import MemoryFileSystem  # type: ignore[import-untyped]

from connectors.dead_letters.resubmit import record_of
from connectors.sources import body_stores
from connectors.sources.diversion import Diversion
from streams.core.records import DeadLetter, RawRecord
from streams.settings import DiversionSettings
from tests.contracts.raw_writer import record

BODY = bytes(range(256)) * 10


def keep(url: str, one: RawRecord) -> DeadLetter:
    diversion = Diversion(DiversionSettings(url=url), Path())
    return asyncio.run(diversion.keep(one, "too-large", "Broker: Message size too large"))


def test_keeps_the_body_in_a_directory(tmp_path: Path) -> None:
    letter = keep(str(tmp_path / "deep"), record(BODY))
    path = Path(str(letter.body).removeprefix("file://"))
    assert path.read_bytes() == BODY
    assert [entry.name for entry in path.parent.iterdir()] == [path.name], "no partial file stays"


def test_what_a_full_disk_took_of_a_body_is_given_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it would keep that disk full, for who is killed meanwhile for ever."""

    def full(_number: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        asyncio.run(body_stores.Directory(tmp_path).put("body", BODY))
    assert list(tmp_path.iterdir()) == []


def test_keeps_the_body_at_an_fsspec_url() -> None:
    letter = keep("memory://diverted", record(BODY))
    with fsspec.open(letter.body, "rb") as file:
        assert file.read() == BODY


def test_says_in_the_letter_all_that_the_record_held(tmp_path: Path) -> None:
    one = record(BODY, "../../etc/passwd", qos="1")
    letter = keep(str(tmp_path), one)
    assert (letter.stage, letter.reason, letter.raw_partition, letter.raw_offset) == ("door", "too-large", -1, -1)
    assert (letter.source, letter.at, letter.correlation_id) == ("json", one.received_at, one.id)
    assert orjson.loads(letter.detail) == {
        "error": "Broker: Message size too large",
        "sha256": hashlib.sha256(BODY).hexdigest(),
        "bytes": 2560,
        "transport": "mqtt",
        "address": "../../etc/passwd",
        "content_type": "x/y",
        "headers": {"qos": "1"},
        "connector": "test",
    }


def test_makes_no_path_of_what_the_sender_chose(tmp_path: Path) -> None:
    one = record(BODY, "../../etc/passwd")
    letter = keep(str(tmp_path), one)
    assert letter.body == (tmp_path / f"{hashlib.sha256(BODY).hexdigest()}-{one.id}").as_uri()


class Away(MemoryFileSystem):  # type: ignore[misc]  # has no stubs
    """A store elsewhere that does as it is told."""

    protocol = "away"
    asked = 0
    fault: Callable[[], object]
    """called with each body; raises, waits, or lets it through"""

    def pipe_file(self, path: str, value: bytes, **kwargs: object) -> None:
        Away.asked += 1
        Away.fault()
        super().pipe_file(path, value, **kwargs)


def refuse() -> None:
    raise PermissionError("wrong credentials")


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Away]]:
    fsspec.register_implementation("away", Away, clobber=True)
    Away.asked, Away.fault = 0, staticmethod(refuse)
    monkeypatch.setattr(body_stores, "REST_S", 60.0, raising=False)
    yield Away
    Away.store.clear()


def kept(local: Path, records: list[RawRecord], between: Callable[[], object] = lambda: None) -> list[DeadLetter]:
    """Their letters, one after the other, in good time."""

    async def scenario() -> list[DeadLetter]:
        diversion = Diversion(DiversionSettings(url="away://bucket"), local, first_delay_s=0.01)
        letters = []
        for one in records:
            async with asyncio.timeout(10):
                letters.append(await diversion.keep(one, "too-large", "Broker: Message size too large"))
            between()
        return letters

    return asyncio.run(scenario())


def test_what_the_store_refuses_lies_in_the_directory_and_is_found_by_its_letter(
    tmp_path: Path, away: type[Away]
) -> None:
    one = record(BODY)
    (letter,) = kept(tmp_path / "local", [one])

    assert letter.body == (tmp_path / "local" / f"{hashlib.sha256(BODY).hexdigest()}-{one.id}").as_uri()
    assert record_of(letter) == one
    assert [path.name for path in (tmp_path / "local").iterdir()] == [letter.body.rpartition("/")[2]]
    assert away.asked == body_stores.TRIES


def test_a_store_that_takes_a_later_try_has_it(tmp_path: Path, away: type[Away]) -> None:
    away.fault = staticmethod(lambda: refuse() if away.asked < body_stores.TRIES else None)
    (letter,) = kept(tmp_path / "local", [record(BODY)])

    assert str(letter.body).startswith("away://bucket/")
    assert not (tmp_path / "local").exists()


def test_a_store_that_never_answers_is_not_waited_for(
    tmp_path: Path, away: type[Away], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body_stores, "PUT_S", 0.1)
    answers = Event()
    away.fault = staticmethod(lambda: answers.wait(30))
    try:
        letters = kept(tmp_path, [record(BODY) for _ in range(10)])
    finally:
        answers.set()

    assert [Path(str(letter.body).removeprefix("file://")).read_bytes() for letter in letters] == 10 * [BODY]
    assert away.asked == 1, "one waited"


@pytest.mark.parametrize(("rest_s", "asked"), [(60.0, body_stores.TRIES), (0.0, 2 * body_stores.TRIES)])
def test_a_store_that_has_failed_rests_for_a_while(
    tmp_path: Path, away: type[Away], monkeypatch: pytest.MonkeyPatch, rest_s: float, asked: int
) -> None:
    monkeypatch.setattr(body_stores, "REST_S", rest_s)
    letters = kept(tmp_path, [record(b"1"), record(b"2")])

    assert all(str(letter.body).startswith("file://") for letter in letters)
    assert away.asked == asked


def test_a_store_that_is_back_is_used(tmp_path: Path, away: type[Away], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_stores, "REST_S", 0.0)
    first, second = kept(
        tmp_path, [record(b"1"), record(b"2")], lambda: setattr(away, "fault", staticmethod(lambda: None))
    )

    assert (str(first.body)[:7], str(second.body)[:7]) == ("file://", "away://")
    assert record_of(second).payload == b"2"


def test_waits_until_one_of_both_takes_it(tmp_path: Path, away: type[Away], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_stores, "REST_S", 0.0)
    (tmp_path / "local").write_text("a file in the way")
    away.fault = staticmethod(lambda: refuse() if away.asked < 3 * body_stores.TRIES else None)
    (letter,) = kept(tmp_path / "local", [record(BODY)])

    assert str(letter.body).startswith("away://bucket/")


@pytest.mark.parametrize("scheme", ["", "file://", "local://"])
def test_a_directory_of_this_machine_is_written_durably_however_it_is_named(scheme: str, tmp_path: Path) -> None:
    (store,) = body_stores.stores(f"{scheme}{tmp_path}", tmp_path / "local", 0)
    assert isinstance(store, body_stores.Directory)
    assert asyncio.run(store.put("a", b"body")) == (tmp_path / "a").as_uri()
