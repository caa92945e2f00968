"""A registry of the tests: a state, and commands done on it as the store does them."""

from collections.abc import Sequence

from streams.core.records import PhysicalDevice, Source
from streams.registry import devices, history
from streams.registry.devices import Given
from streams.registry.state import PHYSICAL, SOURCES, Author, Change, State

BY = Author("ann", 1000, "new probe")


def registry() -> State:
    """One that knows source `ttn`."""
    state = State()
    state.apply(Change(SOURCES, "ttn", Source(name="ttn")))
    return state


def do(state: State, changes: Sequence[Change]) -> None:
    """Fold them, with their history."""
    for change in [*changes, *history.recorded(state, changes)]:
        state.apply(change)


def given(**fields: object) -> Given:
    """What a person says."""
    return Given(fields=frozenset(fields), **fields)  # type: ignore[arg-type]  # a test's shorthand


def box(state: State, dev_eui: str = "") -> int:
    """A new physical device; its uid."""
    uid = state.next_uid(PHYSICAL)
    source_ids = {"dev_eui": dev_eui} if dev_eui else {}
    do(state, devices.create_physical(state, "ttn", given(name=f"box {uid}", source_ids=source_ids), BY))
    return uid


def place(state: State) -> int:
    """A new logical device; its uid."""
    (change,) = devices.create_logical(state, given(name="place"), BY)
    do(state, [change])
    return int(change.key)


def spoken(state: State, device: str, raw: str | None) -> int:
    """A physical device that a message made."""
    uid = state.next_uid(PHYSICAL)
    record = PhysicalDevice(uid=uid, device=device, source="ttn", name="a", last_seen=5, last_raw=raw)
    do(state, [Change(PHYSICAL, str(uid), record)])
    return uid
