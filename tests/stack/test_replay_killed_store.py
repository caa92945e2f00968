"""What a store that is killed amid a statement, or amid several, may leave of a replay."""

from streams.core.times import DAY
from streams.replay.runs import Runs
from tests.stack.replay_rows import final, put
from tests.stack.replayed import GENERATION, JOB, UNDO, Replayed
from tests.stack.store import NOON
from tests.stack.test_replay_store_modes import T, row, staged

LATER = NOON + 40 * DAY
"""in another month"""


def corrected(bench: Replayed) -> None:
    """Built, for two months: both points are 1.0 now, and will be 2.0."""
    put(bench.store, {(T, NOON): row(1.0, 0), (T, LATER): row(1.0, 1)})
    bench.replay.open(JOB)
    bench.replay.stage(JOB, staged({(T, NOON): row(2.0, 0), (T, LATER): row(2.0, 1)}, Runs([(0, 0, 1)])), {0: 2})
    bench.replay.diff(JOB, mode="decode")
    bench.replay.build(JOB, GENERATION)


def attach_first_month(bench: Replayed, table: str) -> None:
    """As of a store that was killed before it had attached the other one."""
    ((month,),) = bench.rows(f"SELECT toYYYYMM(fromUnixTimestamp64Nano({NOON}))")
    bench.store.command(f"ALTER TABLE points ATTACH PARTITION {month} FROM replay_{JOB}_{table}")


def values(bench: Replayed) -> list[object]:
    return [row.value for row in final(bench.store).values()]


def test_months_that_were_not_attached_are_attached_by_who_goes_on(bench: Replayed) -> None:
    corrected(bench)
    attach_first_month(bench, "delta")
    assert bench.replay.attached(JOB)

    assert bench.replay.attach(JOB) > 0
    assert values(bench) == [2.0, 2.0]
    assert bench.replay.attach(JOB) == 0


def test_an_undo_that_was_attached_in_part_is_attached_wholly_by_who_goes_on(bench: Replayed) -> None:
    corrected(bench)
    bench.replay.attach(JOB)
    bench.replay.build_undo(JOB, UNDO)
    attach_first_month(bench, "undo")
    assert bench.replay.undo_attached(JOB)

    assert bench.replay.attach_undo(JOB) > 0
    assert values(bench) == [1.0, 1.0]


def test_a_checkpoint_without_what_was_staged_says_nothing(bench: Replayed) -> None:
    """Else all that was staged would be taken for what decoding does not give any more, and removed."""
    corrected(bench)
    bench.store.command(f"DROP TABLE replay_{JOB}_staged")

    bench.replay.open(JOB)

    assert bench.replay.checkpoint(JOB) == {}
    assert bench.replay.totals(JOB).records == 0
