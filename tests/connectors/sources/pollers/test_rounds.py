"""What a poller shows its watchdog: work is left while one attempt takes longer than it may."""

from connectors.sources.pollers.run import Rounds

ATTEMPT_S = 40.0


class Clock:
    """Says what the test sets, and counts attempts that the test makes."""

    def __init__(self) -> None:
        self.now, self.attempts = 100.0, 0
        self.rounds = Rounds(lambda: self.attempts, ATTEMPT_S, lambda: self.now)

    def left_after(self, seconds: float) -> bool:
        self.now += seconds
        return self.rounds.work().left


def test_a_pause_between_polls_is_no_work() -> None:
    clock = Clock()

    assert [clock.left_after(3600), clock.left_after(3600)] == [False, False]


def test_a_poll_may_take_as_long_as_its_attempts() -> None:
    clock = Clock()
    clock.rounds.begin()
    seen = []
    for _ in range(5):
        seen.append(clock.left_after(ATTEMPT_S))
        clock.attempts += 1

    assert seen == [False] * 5


def test_an_attempt_that_does_not_end_is_work_that_does_not_move() -> None:
    clock = Clock()
    clock.rounds.begin()
    clock.left_after(ATTEMPT_S)
    before, after = clock.rounds.work(), clock.left_after(5)

    assert (before.left, after, clock.rounds.work().at) == (False, True, before.at)


def test_a_poll_that_ends_moves() -> None:
    clock = Clock()
    clock.rounds.begin()
    clock.left_after(ATTEMPT_S + 5)
    stuck = clock.rounds.work()
    clock.rounds.end()

    assert stuck.left
    assert clock.rounds.work() == (((1, 0)), False)
