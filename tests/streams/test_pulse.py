"""A loop's pulse is asked from another thread, and shows when it stops."""

import asyncio

from streams.progress import Work
from streams.pulse import Pulse


def turn(loop: asyncio.AbstractEventLoop) -> None:
    loop.run_until_complete(asyncio.sleep(0))


def test_a_loop_that_answers_moves() -> None:
    loop = asyncio.new_event_loop()
    pulse = Pulse(loop)
    seen = []
    for _ in range(3):
        seen.append(pulse.look())
        turn(loop)
    loop.close()

    assert seen == [Work(0, left=False), Work(1, left=False), Work(2, left=False)]


def test_a_loop_that_is_blocked_owes_an_answer_until_it_gives_it() -> None:
    loop = asyncio.new_event_loop()
    pulse = Pulse(loop)
    seen = [pulse.look(), pulse.look(), pulse.look()]
    turn(loop)
    seen.append(pulse.look())
    loop.close()

    assert seen == [Work(0, left=False), Work(0, left=True), Work(0, left=True), Work(1, left=False)]


def test_a_closed_loop_owes_an_answer() -> None:
    loop = asyncio.new_event_loop()
    pulse = Pulse(loop)
    loop.close()

    assert [pulse.look(), pulse.look()] == [Work(0, left=False), Work(0, left=True)]
