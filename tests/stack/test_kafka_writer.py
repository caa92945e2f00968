"""The Kafka writer on a real broker."""

import asyncio
import time
import weakref
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from random import Random
from types import SimpleNamespace

import pytest

from connectors.dead_letters.resubmit import record_of
from connectors.sources import kafka_line, kafka_writer
from connectors.sources.base import Full, Key
from connectors.sources.diversion import Diversion
from connectors.sources.kafka_writer import DEFAULT_LIMITS, KafkaWriter, Limits
from streams import topics
from streams.core.records import DeadLetter, RawRecord
from tests.contracts.raw_writer import RawWriterLaws, Writing, Written, record
from tests.stack import doors
from tests.stack.harness import Installation, eventually
from tests.stack.proxy import Proxy


def writer(
    installation: Installation,
    *,
    address: str | None = None,
    limits: Limits = DEFAULT_LIMITS,
    confirm_s: float = 10,
    key: Key = lambda _: None,
) -> KafkaWriter:
    settings = installation.settings
    if address:
        settings = installation.with_settings(kafka={"bootstrap_servers": address}).settings
    diversion = Diversion(settings.diversion, settings.spool.directory / "diverted", first_delay_s=0.05)
    return KafkaWriter(settings.kafka, diversion, key, limits=limits, confirm_s=confirm_s)


class TestKafkaWriter(RawWriterLaws):
    @pytest.fixture
    def writing(self, installation: Installation) -> Writing:
        @asynccontextmanager
        async def opened() -> AsyncIterator[Written]:
            opened_writer = writer(installation)

            async def durable() -> list[RawRecord]:
                return await asyncio.to_thread(doors.raw, installation)

            yield Written(opened_writer, durable)
            await opened_writer.close()

        return opened


@pytest.fixture
def proxy(installation: Installation) -> Iterator[Proxy]:
    made = Proxy(installation.stack.kafka, kafka=True)
    yield made
    made.close()


def test_says_full_while_kafka_is_away_and_delivers_later_all_the_same(
    installation: Installation, proxy: Proxy
) -> None:
    async def scenario() -> None:
        away = writer(installation, address=proxy.address, confirm_s=0.2)
        with pytest.raises(Full):
            await away.write(record(b"late"))
        assert away.pending == 1
        proxy.open()
        await asyncio.to_thread(eventually, lambda: away.pending == 0)
        await away.close()

    asyncio.run(scenario())
    assert [one.payload for one in doors.raw(installation)] == [b"late"]


@pytest.mark.parametrize("ahead_s", [0.0, 3600.0, -86_400.0])
def test_tells_how_far_its_clock_is_ahead_of_kafkas(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, ahead_s: float
) -> None:
    monkeypatch.setattr(
        kafka_line, "time", SimpleNamespace(time=lambda: time.time() + ahead_s, monotonic=time.monotonic)
    )

    async def scenario() -> float:
        writing = writer(installation)
        await writing.write(record(b"1"))
        await writing.close()
        return writing.clock.ahead_s(time.monotonic())

    assert asyncio.run(scenario()) == pytest.approx(ahead_s, abs=5)


def test_takes_no_more_than_it_may_hold(installation: Installation, proxy: Proxy) -> None:
    async def scenario() -> None:
        away = writer(installation, address=proxy.address, limits=Limits(2, 1000), confirm_s=0.1)
        away.submit(record(b"1"), lambda: None)
        assert away.has_room()
        away.submit(record(bytes(2000)), lambda: None)
        assert not away.has_room()
        with pytest.raises(Full):
            await away.write(record(b"3"))
        await away.close()

    asyncio.run(scenario())


def test_sends_again_what_is_unconfirmed_when_its_producer_is_renewed(installation: Installation, proxy: Proxy) -> None:
    done: list[int] = []

    async def scenario() -> None:
        away = writer(installation, address=proxy.address)
        for number in range(100):
            away.submit(record(b"%d" % number), partial(done.append, number))
        away.renew()
        proxy.open()
        await asyncio.to_thread(eventually, lambda: away.pending == 0)
        await away.close()

    asyncio.run(scenario())
    assert done == list(range(100))
    assert {one.payload for one in doors.raw(installation)} == {b"%d" % number for number in range(100)}


def test_frees_the_producer_that_it_replaces_with_records_in_flight(installation: Installation, proxy: Proxy) -> None:
    done: list[int] = []
    proxy.open()

    async def scenario() -> None:
        opened = writer(installation, address=proxy.address)
        await opened.write(record(b"before"))
        proxy.silence()
        for number in range(10_000):
            opened.submit(record(bytes(1000), f"json/{number}"), partial(done.append, number))
        await asyncio.to_thread(eventually, lambda: opened._away)
        freed = weakref.ref(opened._line)
        opened.renew()
        await asyncio.to_thread(eventually, lambda: freed() is None, 5)
        proxy.resume()
        await asyncio.to_thread(eventually, lambda: opened.pending == 0)
        await opened.close()

    asyncio.run(scenario())
    assert sorted(done) == list(range(10_000))


def test_replaces_a_producer_that_has_lost_a_kafka_that_answers(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"STUCK_S": 0.5, "LOOK_S": 0.5}.items():
        monkeypatch.setattr(kafka_writer, name, value)

    async def scenario() -> None:
        opened = writer(installation, confirm_s=30)
        monkeypatch.setattr(opened._line, "send", lambda *_: None)
        monkeypatch.setattr(opened._line, "fault", lambda _: "no answer")
        await opened.write(record(b"stuck"))
        await opened.close()

    asyncio.run(scenario())
    assert [one.payload for one in doors.raw(installation)] == [b"stuck"]


def test_knows_whether_kafka_answers(installation: Installation, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_line, "ANSWER_S", 2)
    through = installation.with_settings(kafka={"bootstrap_servers": proxy.address}).settings.kafka

    assert not kafka_line.answers(through, "raw"), "refuses connections"
    proxy.open()
    assert kafka_line.answers(through, "raw")
    assert not kafka_line.answers(through, "no-such-topic")
    proxy.silence()
    assert not kafka_line.answers(through, "raw"), "takes connections and says nothing"


def test_diverts_what_the_broker_itself_refuses_and_its_neighbours_stay(installation: Installation) -> None:
    narrow = installation.with_settings(kafka={"prefix": f"{installation.unique}.narrow."})
    topics.create(narrow.settings.kafka.model_copy(update={"max_record_bytes": 100_000}))
    large = record(Random(1).randbytes(256_000))
    small = [record(b"%d" % number) for number in range(20)]

    async def scenario() -> None:
        opened = writer(narrow)
        await asyncio.gather(*(opened.write(one) for one in (*small[:10], large, *small[10:])))
        await opened.close()

    asyncio.run(scenario())
    letters = doors.contents(narrow, "dead-letters", DeadLetter)
    assert [(letter.reason, letter.correlation_id) for letter in letters] == [("too-large", large.id)]
    assert {one.id for one in doors.raw(narrow)} == {one.id for one in small}


def test_a_body_that_is_too_large_is_not_parsed_for_its_key(installation: Installation) -> None:
    parsed: list[bytes] = []

    async def scenario() -> None:
        narrow = installation.with_settings(kafka={"max_record_bytes": 1000})
        opened = writer(narrow, key=lambda one: parsed.append(one.payload))
        await asyncio.gather(opened.write(record(bytes(100_000))), opened.write(record(b"small")))
        await opened.close()

    asyncio.run(scenario())
    assert parsed == [b"small"]
    assert len(doors.contents(installation, "dead-letters", DeadLetter)) == 1


def test_diverts_only_once_the_file_store_works(installation: Installation) -> None:
    directory = Path(installation.settings.diversion.url)
    directory.write_text("a file in the way")

    async def scenario() -> None:
        opened = writer(installation.with_settings(kafka={"max_record_bytes": 1000}))
        writing = asyncio.create_task(opened.write(record(bytes(100_000))))
        await asyncio.sleep(0.2)
        assert not writing.done()
        directory.unlink()  # noqa: ASYNC240 - a moment
        await writing
        await opened.close()

    asyncio.run(scenario())
    assert len(doors.contents(installation, "dead-letters", DeadLetter)) == 1
    assert [path.stat().st_size for path in directory.iterdir()] == [100_000]


def test_diverts_to_this_machine_while_the_file_store_is_away(installation: Installation) -> None:
    at = installation.with_settings(kafka={"max_record_bytes": 1000}, diversion={"url": "no-such-store://bucket"})
    large = record(bytes(100_000))

    async def scenario() -> None:
        opened = writer(at)
        await opened.write(large)
        await opened.close()

    asyncio.run(scenario())
    (letter,) = doors.contents(installation, "dead-letters", DeadLetter)
    assert str(letter.body).startswith((at.settings.spool.directory / "diverted").absolute().as_uri())
    assert record_of(letter) == large


def test_tells_of_what_is_no_record_beside_the_records(installation: Installation) -> None:
    told = DeadLetter(
        stage="door", reason="not-avro", detail="{}", raw_partition=-1, raw_offset=-1, at=1, body="file:///b"
    )

    async def scenario() -> None:
        opened, durable = writer(installation), asyncio.Event()
        opened.tell(told, durable.set)
        await opened.write(record(b"1"))
        await asyncio.wait_for(durable.wait(), 30)
        assert opened.pending == 0
        await opened.close()

    asyncio.run(scenario())
    assert doors.contents(installation, "dead-letters", DeadLetter) == [told]
    assert [one.payload for one in doors.raw(installation)] == [b"1"]
