"""The watchdog ends what owns records and does not move, and nothing else."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from streams.progress import Place, Progress
from streams.watchdog import LOOK_S, Standing, Watchdog

RAW: Place = ("raw", 0)
PATIENCE_S = 60.0


class Log:
    """A log whose ends the test says."""

    def __init__(self) -> None:
        self.ends: dict[Place, int] = {}
        self.away = False
        self.appended: dict[int, float] = {}

    def measure(self, places: Mapping[Place, int]) -> Mapping[Place, int]:
        if self.away:
            raise KafkaException(KafkaError(KafkaError._ALL_BROKERS_DOWN))
        return {place: self.ends[place] for place in places if place in self.ends}

    def appended_at(self, place: Place, offset: int) -> float | None:
        return self.appended.get(offset)


class Scene:
    """A process that owns `raw` 0 from offset 10 on, with records up to 20, and a clock of the test."""

    def __init__(self) -> None:
        self.now, self.ended, self.excuse = 1000.0, 0, ""
        self.progress, self.log = Progress(lambda: self.now), Log()
        self.progress.begin(*RAW, 10)
        self.log.ends[RAW] = 20
        self.dog = Watchdog(
            self.progress, self.log, PATIENCE_S, excuse=lambda: self.excuse or None, end=self._end,
            clock=lambda: self.now, wall=lambda: self.now,
        )  # fmt: skip

    def pass_by(self, seconds: float, every: float = LOOK_S) -> None:
        for _ in range(int(seconds / every)):
            self.now += every
            self.dog.look()

    def _end(self) -> None:
        self.ended += 1


@pytest.fixture
def scene() -> Iterator[Scene]:
    made = Scene()
    made.dog.look()
    yield made
    made.progress.forget(*RAW)
    made.dog.look()


def shown(name: str, place: Place = RAW) -> float | None:
    return REGISTRY.get_sample_value(name, {"topic": place[0], "partition": str(place[1])})


def test_it_ends_a_process_that_does_not_move(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    scene.pass_by(PATIENCE_S - LOOK_S)
    assert (scene.ended, scene.dog.fault()) == (0, None)

    scene.pass_by(LOOK_S)

    assert scene.ended == 1
    assert scene.dog.fault() == "raw 0 has not moved for 60 s"
    assert "stalled" in "".join(capsys.readouterr())


def test_it_lets_a_slow_process_live(scene: Scene) -> None:
    for offset in range(11, 20):
        scene.pass_by(PATIENCE_S - LOOK_S)
        scene.progress.handled(*RAW, offset)

    assert scene.ended == 0


def test_it_lets_an_idle_process_live(scene: Scene) -> None:
    scene.progress.handled(*RAW, 20)

    scene.pass_by(10 * PATIENCE_S)

    assert scene.ended == 0


def test_it_lets_a_process_live_that_works_at_one_long_batch(scene: Scene) -> None:
    for _ in range(5):
        scene.pass_by(PATIENCE_S - LOOK_S)
        scene.progress.beat()

    assert scene.ended == 0


def test_it_waits_for_what_is_known_to_be_away(scene: Scene) -> None:
    scene.excuse = "retrying: HTTP 503"
    scene.pass_by(10 * PATIENCE_S)
    assert scene.ended == 0
    scene.excuse = ""

    scene.pass_by(PATIENCE_S)

    assert scene.ended == 1


def test_it_waits_for_kafka(scene: Scene) -> None:
    scene.log.away = True
    scene.pass_by(10 * PATIENCE_S)
    assert scene.ended == 0
    scene.log.away = False

    scene.pass_by(PATIENCE_S)

    assert scene.ended == 1


def test_what_is_waited_for_has_to_be_said_again(scene: Scene) -> None:
    for _ in range(30):
        scene.progress.waits("no generation yet")
        scene.pass_by(20)
    assert scene.ended == 0

    scene.pass_by(PATIENCE_S + 30)

    assert scene.ended >= 1


def test_it_does_not_count_the_time_in_which_it_was_frozen_itself(scene: Scene) -> None:
    scene.now += 10 * PATIENCE_S
    scene.dog.look()

    assert scene.ended == 0


def test_a_partition_that_went_elsewhere_is_not_its_business(scene: Scene) -> None:
    scene.pass_by(PATIENCE_S - LOOK_S)
    scene.progress.forget(*RAW)
    scene.pass_by(10 * PATIENCE_S)

    assert scene.ended == 0
    assert (shown("isthmus_lag"), shown("isthmus_stalled_seconds")) == (None, None)


def test_patience_0_ends_nothing() -> None:
    scene = Scene()
    scene.dog = Watchdog(scene.progress, scene.log, 0, excuse=lambda: None, end=scene._end, clock=lambda: scene.now)

    scene.pass_by(10 * PATIENCE_S)

    assert scene.ended == 0
    scene.progress.forget(*RAW)
    scene.dog.look()


def test_it_shows_lag_standing_still_and_the_oldest_record(scene: Scene) -> None:
    scene.log.appended[10] = scene.now - 7
    scene.pass_by(3 * LOOK_S)

    assert shown("isthmus_lag") == 10
    assert shown("isthmus_stalled_seconds") == 15
    assert shown("isthmus_oldest_unhandled_seconds") == 7 + 15

    scene.progress.handled(*RAW, 20)
    scene.pass_by(LOOK_S)

    assert (shown("isthmus_lag"), shown("isthmus_stalled_seconds")) == (0, 0)
    assert shown("isthmus_oldest_unhandled_seconds") == 0


moves = st.lists(st.tuples(st.floats(0.1, 2 * LOOK_S), st.booleans()), min_size=1, max_size=30)


@given(moves)
def test_standing_is_the_time_since_the_last_move_as_far_as_was_looked(steps: list[tuple[float, bool]]) -> None:
    standing, now, offset, expected = Standing(), 0.0, 0, 0.0
    standing.look(now, {RAW: offset}, {RAW: 1000})
    for passed, moved in steps:
        now, offset = now + passed, offset + moved
        expected = 0.0 if moved else expected + passed
        standing.look(now, {RAW: offset}, {RAW: 1000})

        assert standing.seconds == {RAW: pytest.approx(expected, abs=1e-6)}


def violations(place: Place) -> Any:
    return shown("isthmus_committed_unhandled_total", place) or 0


def test_a_commit_beyond_what_was_handled_is_counted() -> None:
    progress, place = Progress(), ("audited", 3)
    progress.begin(*place, 5)
    progress.committed(*place, 5)
    progress.handled(*place, 9)
    progress.committed(*place, 9)
    assert violations(place) == 0

    progress.committed(*place, 10)

    assert violations(place) == 1


def test_a_batch_that_is_done_after_its_partition_went_counts_for_nothing() -> None:
    progress, place = Progress(), ("audited", 4)
    progress.begin(*place, 5)
    progress.forget(*place)

    progress.handled(*place, 9)

    assert progress.places() == {}
    assert shown("isthmus_handled_offset", place) is None
