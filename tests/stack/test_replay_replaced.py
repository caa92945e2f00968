"""Rows of a correction that others have replaced since, also when the store has merged them away."""

from streams.core.identity import series_id
from streams.core.times import SECOND
from streams.replay.runs import Runs
from tests.stack.replay_rows import final, put
from tests.stack.replayed import GENERATION, JOB, Replayed
from tests.stack.store import NOON
from tests.stack.test_replay_store_modes import DEVICE, applied, row, staged, undone

T = series_id(DEVICE, "t")
MANY = 150
"""more than are looked at for whether rows are attached"""


def merged(bench: Replayed) -> None:
    bench.store.command("OPTIMIZE TABLE points FINAL")


def test_what_is_left_of_a_correction_is_known_and_taken_back(bench: Replayed) -> None:
    keys = [(T, NOON + i * SECOND) for i in range(MANY)]
    put(bench.store, {key: row(float(i), i) for i, key in enumerate(keys)})
    applied(bench, staged({key: row(i + 0.5, i) for i, key in enumerate(keys)}, Runs([(0, 0, MANY)])))
    put(bench.store, {key: row(-1.0, 1000 + i, generation=GENERATION) for i, key in enumerate(keys[:-1])})
    merged(bench)

    assert bench.replay.attached(JOB)
    undone(bench)
    assert {key: one.value for key, one in final(bench.store).items()} == {
        **dict.fromkeys(keys[:-1], -1.0),
        keys[-1]: float(MANY - 1),
    }


def test_lost_rows_that_came_back_are_known_though_one_was_replaced(bench: Replayed) -> None:
    keys = [(T, NOON + i * SECOND) for i in range(3)]
    applied(bench, staged({key: row(float(i), i) for i, key in enumerate(keys)}, Runs([(0, 0, 3)])), "restore", 0)
    put(bench.store, {keys[0]: row(9.0, 10)})
    merged(bench)

    assert bench.replay.attached(JOB)


def test_lost_rows_come_back_but_not_those_that_a_correction_took_away(bench: Replayed) -> None:
    """Code that came later stands for old records with a generation above that of the correction."""
    withdrawn, lost, repeated = ((T, NOON + i * SECOND) for i in range(3))
    put(bench.store, {withdrawn: row(1.0, 1, generation=3)._replace(gone=True)})
    put(bench.store, {repeated: row(3.0, 3, generation=3)._replace(gone=True)})
    now = {withdrawn: row(1.0, 1, generation=4), lost: row(2.0, 2, generation=4), repeated: row(3.5, 9, generation=4)}

    applied(bench, staged(now, Runs([(0, 0, 9)])), "restore", 0)

    assert {key: one.value for key, one in final(bench.store).items()} == {lost: 2.0, repeated: 3.5}
