"""Laws of how often passwords may be tried, whatever the sequence of tries."""

from hypothesis import given
from hypothesis import strategies as st

from connectors.api.guessing import BY_ADDRESS, BY_BOTH, BY_NAME, FORGET_S, Guessing

HOME, ELSEWHERE = "10.0.0.1", "10.0.0.2"
NAMES = st.sampled_from(["ann", "bob", "nobody"])
ADDRESSES = st.sampled_from([HOME, ELSEWHERE, "2001:db8::1", "2001:db8:0:1::1", ""])
TRIES = st.lists(st.tuples(NAMES, ADDRESSES, st.floats(0, 40)), max_size=200)
HOUR = 3600


def fail(guessing: Guessing, name: str, address: str, tries: int) -> list[float]:
    """Try again as soon as it may be; how long each had to wait."""
    now, waits = 0.0, []
    for _ in range(tries):
        waits.append(wait := guessing.admit(name, address, now))
        now += wait
        if wait:
            assert guessing.admit(name, address, now) == 0
    return waits


def test_a_few_failures_are_free_then_each_doubles_the_wait_up_to_the_longest() -> None:
    assert fail(Guessing(), "ann", HOME, 15) == [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60]


def test_waits_are_bounded_after_however_many_failures() -> None:
    assert [limit.wait_s(10**9) for limit in (BY_NAME, BY_ADDRESS, BY_BOTH)] == [30, 300, 60]


def test_many_tries_at_once_gain_nothing() -> None:
    guessing = Guessing()
    assert sum(guessing.admit("ann", HOME, 0) == 0 for _ in range(100)) == BY_BOTH.free


def test_a_name_is_tried_no_more_often_from_a_thousand_addresses() -> None:
    guessing = Guessing()
    tried = sum(
        guessing.admit("ann", f"10.0.{number % 4}.{number % 250}", second) == 0
        for second in range(HOUR)
        for number in range(second * 10, second * 10 + 10)
    )
    assert tried <= BY_NAME.free + 5 + HOUR / BY_NAME.longest_s


def test_an_address_is_held_up_whatever_names_it_tries() -> None:
    guessing = Guessing()
    tried = sum(guessing.admit(f"name{second}", HOME, second) == 0 for second in range(HOUR))
    assert tried <= BY_ADDRESS.free + 9 + HOUR / BY_ADDRESS.longest_s


def test_whoever_has_an_ipv6_address_is_one_with_its_64_bits() -> None:
    guessing = Guessing()
    tried = sum(guessing.admit(f"name{n}", f"2001:db8::{n + 1:x}", 0) == 0 for n in range(100))
    assert tried == BY_ADDRESS.free
    assert guessing.admit("ann", "2001:db8:0:1::1", 0) == 0
    assert guessing.admit("ann", "::ffff:10.0.0.1", 0) == 0


def test_strangers_do_not_keep_out_who_has_logged_in_from_here_before() -> None:
    guessing = Guessing()
    assert guessing.admit("ann", HOME, 0) == 0
    guessing.succeeded("ann", HOME)
    fail(guessing, "ann", ELSEWHERE, 50)
    for second in range(60, 120):
        guessing.admit("ann", f"10.1.0.{second}", second)
        guessing.admit("other", HOME, second)
    assert guessing.admit("ann", "10.9.9.9", 120) > 0
    assert guessing.admit("ann", HOME, 120) == 0


def test_who_is_trusted_is_held_up_by_failures_of_their_own() -> None:
    guessing = Guessing()
    guessing.admit("ann", HOME, 0)
    guessing.succeeded("ann", HOME)
    assert fail(guessing, "ann", HOME, 8) == [0, 0, 0, 0, 0, 1, 2, 4]


def test_right_passwords_never_add_up() -> None:
    guessing = Guessing()
    for second in range(1000):
        assert guessing.admit("ann", HOME, second) == 0
        guessing.succeeded("ann", HOME)


def test_an_own_account_does_not_pay_for_guesses_at_another() -> None:
    guessing, tried = Guessing(), 0
    for second in range(HOUR):
        if guessing.admit("mallory", HOME, second) == 0:
            guessing.succeeded("mallory", HOME)
        tried += guessing.admit("ann", HOME, second) == 0
    assert tried <= BY_BOTH.free + 7 + HOUR / BY_BOTH.longest_s


def test_failures_are_forgotten_after_a_quiet_while() -> None:
    guessing = Guessing()
    fail(guessing, "ann", HOME, 12)
    assert guessing.admit("ann", HOME, 200 + FORGET_S) == 0
    assert guessing.admit("ann", HOME, 200 + FORGET_S) == 0


@given(TRIES)
def test_what_is_refused_is_let_in_when_it_said_and_prolongs_nothing(tries: list[tuple[str, str, float]]) -> None:
    guessing, now = Guessing(), 0.0
    for name, address, pause in tries:
        now += pause
        wait = guessing.admit(name, address, now)
        assert 0 <= wait <= BY_ADDRESS.longest_s
        if wait > 1:
            assert abs(guessing.admit(name, address, now + 0.5) - (wait - 0.5)) < 1e-6
    last = tries[-1] if tries else ("ann", HOME, 0)
    assert guessing.admit(last[0], last[1], now + BY_ADDRESS.longest_s) == 0


@given(TRIES, st.lists(st.booleans(), max_size=200), st.integers(1, 5))
def test_memory_is_bounded(tries: list[tuple[str, str, float]], right: list[bool], held: int) -> None:
    guessing, now = Guessing(held), 0.0
    for (name, address, pause), is_right in zip(tries, right, strict=False):
        now += pause
        if guessing.admit(name, address, now) == 0 and is_right:
            guessing.succeeded(name, address)
        assert len(guessing) <= 4 * held


def test_a_long_name_takes_no_more_memory_than_a_short_one() -> None:
    guessing = Guessing()
    guessing.admit("\ud800" * 1_000_000, HOME, 0)
    assert all(len(key) == 16 for held in guessing._tries.values() for key in held)
