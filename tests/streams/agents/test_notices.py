"""Which device events are worth sending."""

from msgspec.structs import replace

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
