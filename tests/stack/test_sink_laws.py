"""The laws over the sinks that need servers."""

import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from connectors.sinks import clickhouse, files, ubidots
from connectors.sinks.base import Record
from connectors.sinks.clickhouse.migrate import migrate
from connectors.sinks.clickhouse.store import Store
from connectors.sinks.outgoing import portions
from streams import avro
from streams.core.records import RawRecord
from streams.settings import Settings
from tests.connectors.sinks.making import NOON, measured, reading, record
from tests.contracts.sink import Bench, DurableLaws, RejectingLaws, once
from tests.stack.harness import Installation, Stack
from tests.stack.proxy import Proxy
from tests.stack.sinks import DEVICES, device, map_devices, numbered
from tests.stack.ubidots import Ubidots


def good(number: int) -> Record:
    return record(numbered(number), number)


def good_of_one_device(number: int) -> Record:
    """Fewer requests: the rate limit is real."""
    return record(numbered(number * DEVICES), number)


def bad(number: int) -> Record:
    return record(b"junk", number)


class TestFiles(DurableLaws, RejectingLaws):
    @pytest.fixture
    def bench(self, installation: Installation, tmp_path: Path) -> Bench:
        map_devices(installation)
        root = tmp_path / "files"

        def stored() -> Counter[int]:
            messages = Counter(int(path.stem.removeprefix("cid-")) for path in root.glob("raw_data/*/*.json"))
            lines = [line for path in root.glob("segments/*/*.open") for line in path.read_text().splitlines()]
            assert len(lines) == messages.total()
            return messages

        @contextmanager
        def away() -> Iterator[None]:
            root.write_text("a file where the directory should be")
            yield
            root.unlink()

        return Bench(lambda: files.make(installation.settings), good, stored, away, bad)


class TestUbidots(DurableLaws, RejectingLaws):
    @pytest.fixture
    def bench(self, installation: Installation) -> Iterator[Bench]:
        map_devices(installation)
        outside = Ubidots().start()
        settings = installation.with_settings(ubidots=outside.settings).settings

        @contextmanager
        def away() -> Iterator[None]:
            outside.stop()
            yield
            outside.start()

        def stored() -> Counter[int]:
            assert outside.account.counts["status_429"] == 0
            return Counter(int(value) // DEVICES for value in outside.dots().values())

        yield Bench(lambda: ubidots.make(settings), good_of_one_device, stored, away, bad)
        outside.stop()

    def test_rejects_what_ubidots_refuses_and_keeps_its_neighbours(self, bench: Bench) -> None:
        nameless = record(reading(measured(1.0, ""), offset=1, device=device(0)), 1)
        sink = bench.open()
        (rejection,) = sink.write([bench.good(0), nameless, bench.good(2)])
        sink.close()
        assert (rejection.index, rejection.reason) == (1, "ubidots-400")
        assert bench.stored() == once([0, 2])


@pytest.fixture
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every record is a portion of its own, as one that holds many values is."""
    for sink in (files, ubidots):
        monkeypatch.setattr(sink, "portions", partial(portions, limit=1))


@pytest.mark.usefixtures("one_by_one")
class TestFilesOneByOne(TestFiles):
    pass


@pytest.mark.usefixtures("one_by_one")
class TestUbidotsOneByOne(TestUbidots):
    pass


@contextmanager
def store_behind_a_proxy(stack: Stack) -> Iterator[tuple[Settings, Store, Proxy]]:
    """A migrated database: settings that reach it through the proxy, and the store itself."""
    proxy = Proxy(stack.clickhouse.removeprefix("http://"))
    proxy.open()
    database = "t" + uuid.uuid4().hex[:10]
    direct = Settings(clickhouse={"url": stack.clickhouse, "database": database})
    migrate(direct.clickhouse)
    store = Store(direct.clickhouse, "test")
    try:
        yield Settings(clickhouse={"url": f"http://{proxy.address}", "database": database}), store, proxy
    finally:
        store.command(f"DROP DATABASE `{database}`")
        store.close()
        proxy.close()


@contextmanager
def shut(proxy: Proxy) -> Iterator[None]:
    proxy.shut()
    yield
    proxy.open()


class TestClickHouse(DurableLaws, RejectingLaws):
    @pytest.fixture
    def bench(self, stack: Stack) -> Iterator[Bench]:
        with store_behind_a_proxy(stack) as (settings, store, proxy):

            def stored() -> Counter[int]:
                return Counter(int(value) for (value,) in store.rows("SELECT value FROM points FINAL"))

            yield Bench(lambda: clickhouse.make(settings), good, stored, partial(shut, proxy), bad)


class TestClickHouseLog(DurableLaws, RejectingLaws):
    @pytest.fixture
    def bench(self, stack: Stack) -> Iterator[Bench]:
        with store_behind_a_proxy(stack) as (settings, store, proxy):

            def stored() -> Counter[int]:
                return Counter(int(payload) for (payload,) in store.rows("SELECT payload FROM raw_messages FINAL"))

            yield Bench(lambda: clickhouse.make_log(settings), logged, stored, partial(shut, proxy), junk)


def logged(number: int) -> Record:
    message = RawRecord(
        id=f"i{number}", source="json", transport="mqtt", address="a", received_at=NOON, payload=b"%d" % number
    )
    return record(avro.encode(message), number, topic="raw")


def junk(number: int) -> Record:
    return record(b"junk", number, topic="raw")
