from streams import progress
from streams.javascript.patience import SUSPENDED_S, Patience
from streams.javascript.process import Limits
from streams.javascript.sandbox import Sandbox
from streams.javascript.told import STUCK, SUSPENDED, Answer, Told
from tests.streams.javascript.running import as_program, call, source

CUT: Answer = ("codec-timeout", "more than 100 ms")
GOOD = Told({"a": 1})


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_device_is_left_alone_after_three_cuts_and_its_codec_after_ten() -> None:
    patience = Patience(Clock())
    patience.note("x", [("d1", CUT)] * 3)

    assert (patience.left("x"), patience.bears("x", "d1"), patience.bears("x", "d2")) == (7, False, True)
    patience.note("x", [(f"e{number}", CUT) for number in range(7)])
    assert (patience.left("x"), patience.left("y")) == (0, 10)


def test_a_good_answer_forgets_cuts() -> None:
    patience = Patience(Clock())
    patience.note("x", [("d1", CUT), ("d1", CUT), ("d1", GOOD), ("d1", CUT)])

    assert (patience.left("x"), patience.bears("x", "d1")) == (9, True)


def test_one_call_is_tried_after_a_while() -> None:
    clock = Clock()
    patience = Patience(clock)
    patience.note("x", [("d1", STUCK)])
    assert (patience.left("x"), patience.bears("x", "d1")) == (6, False)
    patience.note("x", [("d2", STUCK), ("d3", STUCK)])
    assert patience.left("x") == 0

    clock.now = SUSPENDED_S
    assert patience.left("x") == 1
    patience.note("x", [("d1", CUT)])
    assert patience.left("x") == 0


def test_remembers_only_so_many() -> None:
    patience = Patience(Clock())
    patience.note("x", [(f"d{number}", CUT) for number in range(30_000)])

    assert len(patience._strikes) <= 10_000


def test_a_device_that_loops_costs_its_neighbours_nothing() -> None:
    sandbox = Sandbox(Limits(ms=20))
    calls = [call("00", device="ttn:bad") if number % 2 else call("01", device="ttn:good") for number in range(60)]
    try:
        answers = sandbox.run(as_program(source("loop")), calls)
    finally:
        sandbox.close()

    assert answers[::2] == [Told({"found": 1})] * 30
    assert answers[1] == ("codec-timeout", "more than 20 ms")


def test_a_codec_that_always_loops_is_suspended_unless_patience_is_asked_for() -> None:
    sandbox = Sandbox(Limits(ms=10))
    program = as_program("function decodeUplink() { while (true) { /* for ever */ } }")
    try:
        answers = sandbox.run(program, [call(device=f"ttn:{number}") for number in range(30)])
        again = sandbox.run(program, [call()])
        patient = sandbox.run(program, [call()] * 30, patient=True)
    finally:
        sandbox.close()

    assert answers == [("codec-timeout", "more than 10 ms")] * 10 + [SUSPENDED] * 20
    assert again == [SUSPENDED]
    assert patient == [("codec-timeout", "more than 10 ms")] * 30


def test_each_call_that_was_cut_is_a_sign_of_work() -> None:
    """Two of three payloads never end, so nobody is suspended: 2000 of them take longer than a watchdog waits."""
    sandbox, before = Sandbox(Limits(ms=10)), progress.HERE.beats
    program = as_program("function decodeUplink(i) { while (i.bytes[0] !== 2) ; return { data: { a: 1 } }; }")
    try:
        answers = sandbox.run(program, [call(f"0{number % 3}") for number in range(60)])
    finally:
        sandbox.close()

    assert answers == [("codec-timeout", "more than 10 ms"), ("codec-timeout", "more than 10 ms"), Told({"a": 1})] * 20
    assert progress.HERE.beats - before >= 40
