"""What pollers ask, give and remember, against a server of ours."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from functools import wraps
from typing import Any, ParamSpec

import pytest

from connectors.simulator.poller_stubs import TOKEN, World, application
from connectors.sources.base import Done, Full
from connectors.sources.memory import MemoryWriter
from connectors.sources.pollers import run
from connectors.sources.pollers.axistech import windows
from connectors.sources.pollers.cursors import Cursors
from connectors.sources.pollers.feed import Feed
from connectors.sources.pollers.fetch import Fault, Fetcher
from connectors.sources.pollers.greenbrain import Bootstrap, _read
from streams.core.cursor_record import Cursor
from streams.core.records import RawRecord
from streams.core.times import DAY
from streams.poller_settings import PollersSettings
from streams.settings import KafkaSettings, Settings, SettingsError
from tests.serving import serving

NOON = 20_000 * DAY + DAY // 2


P = ParamSpec("P")


def asynchronous(test: Callable[P, Coroutine[None, None, None]]) -> Callable[P, None]:
    """Run the test in a loop of its own."""

    @wraps(test)
    def run_it(*args: P.args, **kwargs: P.kwargs) -> None:
        asyncio.run(test(*args, **kwargs))

    return run_it


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def url(world: World) -> Iterator[str]:
    with serving(application(world)) as address:
        yield address


def settings(url: str, password: str = TOKEN, **more: Any) -> PollersSettings:
    return PollersSettings.model_validate(
        {
            "ict_eagleio": {"token": TOKEN, "url": f"{url}/eagle"},
            "greenbrain": {"accounts": [{"username": "ann", "password": password}], "url": f"{url}/greenbrain/v3"},
            "axistech": {"token": TOKEN, "url": f"{url}/axistech/"},
            "attempts": 1,
            **more,
        }
    )


class Polling:
    """One poller in front of a writer in memory."""

    def __init__(self, name: str, made: PollersSettings, fetcher: Fetcher) -> None:
        self.writer, self.cursors = MemoryWriter(), Cursors(KafkaSettings(), name)
        self.feed = Feed(name, f"poller-{name}", self.writer, self.cursors)
        self._poller = run.POLLERS[name](made, fetcher)

    async def poll(self) -> int:
        """How many records there are then."""
        await self._poller.poll(self.feed)
        return len(self.writer.records)


class Holding(MemoryWriter):
    """Tells when it holds a record, and confirms none before it is told to."""

    def __init__(self, *, confirm_s: float) -> None:
        super().__init__(confirm_s=confirm_s)
        self.away, self.holds = True, asyncio.Event()

    def submit(self, record: RawRecord, done: Done) -> None:
        super().submit(record, done)
        self.holds.set()


@asynccontextmanager
async def polling(name: str, made: PollersSettings) -> AsyncIterator[Polling]:
    async with Fetcher(made) as fetcher:
        yield Polling(name, made, fetcher)


@asynchronous
async def test_an_answer_is_given_once_until_it_changes(world: World, url: str) -> None:
    async with polling("ict_eagleio", settings(url)) as at:
        assert [await at.poll(), await at.poll()] == [1, 1]
        world.nodes = world.nodes[:1]
        assert [await at.poll(), await at.poll()] == [2, 2]
    record = at.writer.records[0]
    assert (record.source, record.transport, record.address) == ("ict_eagleio", "poll", f"{url}/eagle/api/v1/nodes")
    assert TOKEN not in repr((record.headers, record.connector, record.content_type))


@asynchronous
async def test_a_malformed_answer_is_raw_too(world: World, url: str) -> None:
    world.nodes = {"error": "maintenance"}
    async with polling("ict_eagleio", settings(url)) as at:
        assert await at.poll() == 1
    assert at.writer.records[0].payload == b'{"error":"maintenance"}'


@asynchronous
async def test_the_cursor_stays_when_the_record_is_not_durable(url: str) -> None:
    async with polling("ict_eagleio", settings(url)) as at:
        at.writer.away = True
        with pytest.raises(Full):
            await at.poll()
        assert at.cursors.get("ict_eagleio") == Cursor(id="ict_eagleio")


@asynchronous
async def test_an_answer_under_way_is_finished_when_the_poll_is_cancelled(url: str) -> None:
    async with polling("ict_eagleio", settings(url)) as at:
        writer = at.feed._writer = Holding(confirm_s=30)
        task = asyncio.create_task(at.poll())
        await writer.holds.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        writer.back()
        await at.feed.finish()
        assert at.cursors.get("ict_eagleio").digests


@pytest.mark.parametrize("status", [401, 404, 429, 500, 302])
@asynchronous
async def test_a_bad_status_is_a_fault_without_secrets(world: World, url: str, status: int) -> None:
    world.broken = status
    async with polling("axistech", settings(url)) as at:
        with pytest.raises(Fault) as caught:
            await at.poll()
    assert str(caught.value) == f"{url}/axistech/: status {status}"
    assert not at.writer.records


@asynchronous
async def test_what_may_pass_is_tried_again_and_what_will_not_is_not(
    world: World, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.sources.pollers.fetch.FIRST_WAIT_S", 0.001)
    for status, asked in ((503, 3), (401, 1)):
        world.broken = status
        async with polling("ict_eagleio", settings(url, attempts=3)) as at:
            with pytest.raises(Fault):
                await at.poll()
        assert world.counts[f"eagle {status}"] == asked


@asynchronous
async def test_an_answer_that_is_too_long_is_a_fault(world: World, url: str) -> None:
    world.nodes = "x" * 1_048_577
    async with polling("ict_eagleio", settings(url, max_answer_mb=1)) as at:
        with pytest.raises(Fault, match="more than 1 MB"):
            await at.poll()


@pytest.mark.parametrize(
    ("path", "token"), [("/eagle", "sécret"), ("/eagle", "sec\nret"), (f"/eagle/{'x' * 70_000}", "secret")]
)
@asynchronous
async def test_what_cannot_be_asked_is_a_fault_without_secrets(url: str, path: str, token: str) -> None:
    async with Fetcher(settings(url, attempts=1)) as fetcher:
        with pytest.raises(Fault) as caught:
            await fetcher.ask(f"{url}{path}", headers={"Authorization": f"bearer {token}"})
    assert "ret" not in str(caught.value)


@asynchronous
async def test_nobody_there_is_a_fault() -> None:
    async with polling("ict_eagleio", settings("http://127.0.0.1:9")) as at:
        with pytest.raises(Fault, match="ConnectError"):
            await at.poll()


@asynchronous
async def test_green_brain_renews_its_token_and_finds_new_groups(world: World, url: str) -> None:
    async with polling("greenbrain", settings(url)) as at:
        for number in range(3):
            world.groups[number] = dict(world.groups[19640], sensorGroup={"id": number, "name": f"group {number}"})
            assert await at.poll() == number + 2
    assert world.counts["login 200"] > 1
    record = at.writer.records[0]
    assert record.address == f"{url}/greenbrain/v3/sensor-groups/19640/latest"
    assert record.headers == {"station-latitude": "-34.25", "station-longitude": "146.05"}


@asynchronous
async def test_green_brain_goes_on_past_a_group_that_fails(world: World, url: str) -> None:
    world.groups[1] = world.groups[19640]
    world.missing = {19640}
    async with polling("greenbrain", settings(url)) as at:
        with pytest.raises(Fault, match="sensor-groups/19640/latest: status 404"):
            await at.poll()
        assert len(at.writer.records) == 1


@asynchronous
async def test_a_wrong_password_is_a_fault(url: str) -> None:
    async with polling("greenbrain", settings(url, password="no")) as at:
        with pytest.raises(Fault, match="auth/login: status 401"):
            await at.poll()


@asynchronous
async def test_axistech_asks_from_the_newest_row_on(world: World, url: str) -> None:
    async with polling("axistech", settings(url)) as at:
        await at.poll()
        assert len(world.windows) == 6, "five days back, to midnight"
        last = world.windows[-1]
        world.windows.clear()
        world.rows = [{"code": "1234", "time": last[0], "rainfall": "0.2"}]
        await at.poll()
        assert at.cursors.get("axistech").times.keys() == {"1234"}
        world.windows.clear()
        await at.poll()
        assert [start for start, _ in world.windows] == [last[0]]
    record = at.writer.records[-1]
    assert record.headers.keys() == {"startDate", "endDate"}
    assert record.address == f"{url}/axistech/"


def test_windows_of_axistech_begin_at_the_oldest_of_the_newest_times_and_break_at_midnight() -> None:
    midnight, yesterday = NOON - DAY // 2, NOON - DAY
    assert windows(NOON, {"a": yesterday, "b": NOON - 1}, 5 * DAY) == [(yesterday, midnight), (midnight, NOON)]
    assert windows(NOON, {"a": midnight}, 5 * DAY) == [(midnight, NOON)]


def test_a_station_that_is_silent_or_whose_clock_is_ahead_holds_up_nothing() -> None:
    first = NOON - DAY // 2 - DAY
    silent = windows(NOON, {"a": 0, "b": NOON - 1}, DAY)
    assert silent == [(first, first + DAY), (first + DAY, NOON)]
    assert windows(NOON, {"a": NOON + DAY, "b": NOON - 5}, DAY) == [(NOON - 5, NOON)]
    assert windows(NOON, {"a": NOON + DAY}, DAY) == silent


@pytest.mark.parametrize(("name", "message"), [("axistech", "has no credentials"), ("nobody", "there is no poller")])
def test_a_poller_that_cannot_run_says_why(name: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        run.run(Settings(), name)


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b'{"x":' + b"[" * 100_000])
def test_an_answer_of_another_shape_is_a_fault_of_who_gave_it(body: bytes) -> None:
    with pytest.raises(Fault, match="another shape"):
        _read("https://greenbrain.example", body, Bootstrap)
