"""Which device events are worth sending."""

import pytest
from msgspec.structs import replace

from streams.agents import notices as module
from streams.agents.notices import Notices
from streams.core.records import DeviceEvent

SEEN = DeviceEvent(kind="seen", device="json:a", source="json", at=1_000)


def test_it_lets_the_first_pass_and_holds_what_follows_too_soon() -> None:
    notices = Notices(interval_ns=100)
    assert [notices.passes(replace(SEEN, at=at)) for at in (1_000, 1_000, 1_099, 1_100, 900)] == [
        True, False, False, True, False,
    ]  # fmt: skip


def test_it_lets_anything_new_pass() -> None:
    notices = Notices(interval_ns=100)
    notices.passes(SEEN)
    assert notices.passes(replace(SEEN, name="gate"))
    assert notices.passes(replace(SEEN, device="json:b"))
    assert notices.passes(replace(SEEN, kind="located", latitude=-33.0, longitude=151.0))


def test_it_lets_a_forgotten_one_pass_again() -> None:
    notices = Notices(interval_ns=100)
    notices.passes(SEEN)
    notices.forget()
    assert notices.passes(SEEN)


def test_an_event_that_says_less_than_is_known_says_nothing_new() -> None:
    notices = Notices(interval_ns=100)
    heartbeat = replace(SEEN, name="gate", source_ids={"eui": "1", "app": "b"}, properties={"ip": "10.0.0.1"})
    reading = replace(SEEN, source_ids={"eui": "1"})
    assert [notices.passes(event) for event in (heartbeat, reading, heartbeat, reading)] == [True, False, False, False]


def test_what_is_known_outlives_an_event_that_tells_something_else() -> None:
    notices = Notices(interval_ns=100)
    told = [replace(SEEN, properties={"ip": "10.0.0.1"}), replace(SEEN, properties={"state": "on"})]
    assert [notices.passes(event) for event in told * 2] == [True, True, False, False]


def test_a_value_that_differs_is_new_and_so_is_its_return() -> None:
    notices = Notices(interval_ns=100)
    states = [replace(SEEN, properties={"state": state}) for state in ("on", "off", "on", "on")]
    assert [notices.passes(event) for event in states] == [True, True, True, False]


def test_of_a_device_that_names_its_ids_anew_in_each_message_it_remembers_the_newest() -> None:
    notices = Notices(interval_ns=100)
    events = [replace(SEEN, source_ids={"eui": "1", f"k{number:04}": "x" * 900}) for number in range(100)]
    assert all(notices.passes(event) for event in events)
    assert [notices.passes(events[number]) for number in (99, 89, 88)] == [False, False, True]
    assert [len(known.source_ids) for known in notices._known.values()] == [12]


def test_it_repeats_what_says_less_once_the_interval_is_over() -> None:
    notices = Notices(interval_ns=100)
    notices.passes(replace(SEEN, properties={"ip": "10.0.0.1"}))
    assert [notices.passes(replace(SEEN, at=at)) for at in (1_099, 1_100, 1_199, 1_200)] == [False, True, False, True]


def test_an_empty_name_is_told() -> None:
    notices = Notices(interval_ns=100)
    notices.passes(replace(SEEN, name="gate", latitude=-33.0, longitude=151.0))
    assert notices.passes(replace(SEEN, name=""))
    assert notices.passes(replace(SEEN, latitude=0.0, longitude=0.0))


def test_it_remembers_so_many_devices_and_forgets_first_what_it_told_longest_ago(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A sender with a changing id must not fill the memory, nor have the events of living devices repeated."""
    monkeypatch.setattr(module, "LIMIT", 10)
    notices = Notices(interval_ns=100)
    passed = []
    for number in range(100):
        notices.passes(replace(SEEN, device=f"json:{number}", at=number * 20))
        passed.append(notices.passes(replace(SEEN, device="json:alive", at=number * 20)))
    assert len(notices._known) == 10
    assert passed == [number % 5 == 0 for number in range(100)]
    assert notices.passes(replace(SEEN, device="json:0", at=10))


def test_it_remembers_so_many_characters_and_forgets_first_what_it_told_longest_ago(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two hundred thousand made-up devices with ten thousand characters of ids each were two gigabytes."""
    monkeypatch.setattr(module, "ROOM", 10_000)
    notices = Notices(interval_ns=100)
    for number in range(100):
        for value in ("y", "x"):
            notices.passes(replace(SEEN, device=f"json:{number}", source_ids={"eui": value * 997}))

    assert [device for device, _ in notices._known] == [f"json:{number}" for number in range(90, 100)]
    notices.forget()
    assert all(
        notices.passes(replace(SEEN, device=f"json:{number}", properties={"a": "x" * 999})) for number in range(10)
    )
    assert len(notices._known) == 10
