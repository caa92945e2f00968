"""Changes of the registry go one after another, whoever goes away while one is written."""

import asyncio
from collections.abc import Sequence
from threading import Event
from typing import Any

import pytest

from streams.registry import devices
from streams.registry.state import LOGICAL, Author, Change, Command, State
from streams.registry.store import Role, Store, Unavailable
from streams.registry.writer import Unwritten
from streams.settings import KafkaSettings

BY = Author("ann", 1)


class Office:
    """A writer without Kafka: it writes when it may go on, and the store folds what it wrote at once."""

    def __init__(self, store: Store) -> None:
        self._store, self.broken, self.fails = store, False, False
        self.begun, self.may_go_on, self.under_way = Event(), Event(), 0
        self.written: list[str] = []

    def write(self, changes: Sequence[Change]) -> dict[str, int]:
        self.under_way += 1
        assert self.under_way == 1, "only one change is under way"
        self.begun.set()
        assert self.may_go_on.wait(10)
        self.under_way -= 1
        if self.fails:
            raise Unwritten("Kafka is away")
        self.written += [change.key for change in changes if change.topic == LOGICAL]
        ends = {LOGICAL: len(self.written)}
        self._store._loop.call_soon_threadsafe(self._store._fold, list(changes), ends)
        return ends

    def close(self) -> None:
        self.broken = True


def elected() -> tuple[Store, Office]:
    store = Store(KafkaSettings(bootstrap_servers="127.0.0.1:1"), "test")
    office = Office(store)
    take(store, office)
    return store, office


def take(store: Store, office: Any) -> None:
    store._writer = office
    store._become(Role.WRITER)


def create(name: str) -> Command:
    given = devices.Given(fields=frozenset({"name"}), name=name)

    def command(state: State) -> Sequence[Change]:
        return devices.create_logical(state, given, BY)

    return command


async def begins(store: Store, office: Office, name: str) -> "asyncio.Task[Sequence[Change]]":
    """A change that is being written."""
    change = asyncio.create_task(store.change(create(name)))
    assert await asyncio.to_thread(office.begun.wait, 10)
    return change


def test_who_goes_away_lets_nobody_in_before_the_change_is_folded() -> None:
    async def story() -> None:
        store, office = elected()
        first = await begins(store, office, "first")
        second = asyncio.create_task(store.change(create("second")))
        for _ in range(2):  # and being told twice does not help
            first.cancel()
            assert await asyncio.wait({first, second}, timeout=0.05) == (set(), {first, second})
        office.may_go_on.set()

        with pytest.raises(asyncio.CancelledError):
            await first
        await second
        assert office.written == ["1", "2"]
        assert {uid: device.name for uid, device in store.state.logical.items()} == {1: "first", 2: "second"}

    asyncio.run(story())


def test_who_goes_away_from_a_change_that_fails_has_gone_away() -> None:
    async def story() -> None:
        store, office = elected()
        office.fails = True
        first = await begins(store, office, "first")
        first.cancel()
        office.may_go_on.set()

        with pytest.raises(asyncio.CancelledError):
            await first
        assert (office.broken, store.role, store.state.logical) == (True, Role.CANDIDATE, {})

    asyncio.run(story())


def test_a_process_that_ends_finishes_the_change_under_way_and_begins_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        store, office = elected()
        monkeypatch.setattr(store._reader, "stop", lambda: None)  # it was never started
        first = await begins(store, office, "first")
        second = asyncio.create_task(store.change(create("second")))
        ending = asyncio.create_task(store.stop())
        assert await asyncio.wait({ending}, timeout=0.05) == (set(), {ending})
        office.may_go_on.set()

        assert [change.key for change in await first] == ["1"]
        with pytest.raises(Unavailable, match="ends"):
            await second
        await ending
        assert office.written == ["1"]

    asyncio.run(story())


@pytest.mark.parametrize("role", [Role.WRITER, Role.FOLLOWER])
def test_a_write_that_fails_late_says_nothing_of_who_holds_office_since(role: Role) -> None:
    async def story() -> None:
        store, office = elected()
        office.fails = True
        first = await begins(store, office, "first")
        store._depose()
        take(store, Office(store)) if role is Role.WRITER else store._elect(None)
        office.may_go_on.set()

        with pytest.raises(Unavailable):
            await first
        assert store.role is role

    asyncio.run(story())
