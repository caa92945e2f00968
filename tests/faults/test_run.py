"""What every case is held against besides the comparison."""

import random
from collections import Counter
from types import SimpleNamespace
from typing import Any

from tests.faults.result import Result
from tests.faults.run import Run


def test_an_honest_message_that_is_refused_for_good_is_a_fault() -> None:
    counts: Any = {"sent": Counter(normal=5, wide=3, mutilated=2), "acknowledged": Counter(normal=3, wide=2)}
    load: Any = SimpleNamespace(book=SimpleNamespace(**counts, refused=Counter(normal=2, wide=1, mutilated=2)))
    one = Run(load, load, random.Random(1), Result(name="a", row=1, seed=1), 1)

    one.also_sent(load)

    assert (one.result.sent, one.result.acknowledged) == (10, 5)
    assert one.result.faults == ["does not hold: no honest message is refused for good: {'normal': 2, 'wide': 1}"]
