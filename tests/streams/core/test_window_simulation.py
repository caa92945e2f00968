"""Every (series, window) is exact at rest, whatever dies, freezes, is late or is replayed."""

import os
from random import SystemRandom

import pytest

from streams.core.window import Rule
from tests.streams.core.window_model import HOLD, LENGTHS, Flaws, run

FOUND = (945415775,)
"""schedules that were once wrong"""
SCHEDULES = int(os.environ.get("ISTHMUS_TEST_SCHEDULES", "3000"))


def test_it_is_exact_at_rest_in_every_random_schedule() -> None:
    first, aggregates = SystemRandom().randrange(10**9), 0
    for seed in (*FOUND, *range(first, first + SCHEDULES)):
        stored, true, sent = run(seed, Flaws())
        assert stored == true, f"seed {seed}"
        aggregates += sent
    assert aggregates > SCHEDULES * 5, "the schedules must fold, not only repair"


@pytest.mark.parametrize(
    ("flaws", "first"),
    [
        (Flaws(rule=Rule.of_seconds(LENGTHS, hold=HOLD, ahead=0)), 0),
        (Flaws(blind_to_generations=True), 0),
        (Flaws(trusts_unheard_generations=True), 77_000),
        (Flaws(done_before_sent=True), 0),
        (Flaws(last_record_wins=True), 0),
        (Flaws(reopens_spans=True), 0),
        (Flaws(claims_coverage=True), 0),
    ],
    ids=["blind to clocks ahead", "blind to replays", "trusts unheard generations", "done before sent", "last record wins", "reopens spans", "claims coverage"],
)  # fmt: skip
def test_it_would_notice_if_a_rule_were_left_out(flaws: Flaws, first: int) -> None:
    assert any(stored != true for stored, true, _ in (run(seed, flaws) for seed in range(first, first + 3000)))
