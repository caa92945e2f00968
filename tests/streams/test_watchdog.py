"""The watchdog ends what has something to do and does not move, and nothing else."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from streams.progress import Excuse, Place, Progress, Work
from streams.watchdog import LOOK_S, Standing, Watchdog

RAW: Place = ("raw", 0)
PATIENCE_S = 60.0


class Log:
    """A log whose ends the test says."""

    def __init__(self) -> None:
        self.ends: dict[Place, int] = {}
        self.away = False
        self.appended: dict[int, float] = {}

    def measure(self, owned: Iterable[Place], followed: Iterable[Place] = ()) -> Mapping[Place, int]:
        if self.away:
            raise KafkaException(KafkaError(KafkaError._ALL_BROKERS_DOWN))
        return {place: self.ends[place] for place in (*owned, *followed) if place in self.ends}

    def appended_at(self, place: Place, offset: int) -> float | None:
        return self.appended.get(offset)


class Scene:
    """A process that owns `raw` 0 from offset 10 on, with records up to 20, and a clock of the test."""

    def __init__(self) -> None:
        self.now, self.ended, self.excuse, self.read = 1000.0, 0, "", 0
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


def stalled(place: str = "raw 0") -> float | None:
    return REGISTRY.get_sample_value("isthmus_stalled_seconds", {"place": place})


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
    assert scene.ended == 0, "it may have moved only since the excuse ended"
    scene.pass_by(LOOK_S)

    assert scene.ended == 1


def test_it_waits_for_kafka(scene: Scene) -> None:
    scene.log.away = True
    scene.pass_by(10 * PATIENCE_S)
    assert scene.ended == 0
    scene.log.away = False

    scene.pass_by(PATIENCE_S + LOOK_S)

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
    assert (shown("isthmus_lag"), stalled()) == (None, None)


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
    assert stalled() == 15
    assert shown("isthmus_oldest_unhandled_seconds") == 7 + 15

    scene.progress.handled(*RAW, 20)
    scene.pass_by(LOOK_S)

    assert (shown("isthmus_lag"), stalled()) == (0, 0)
    assert shown("isthmus_oldest_unhandled_seconds") == 0


def test_it_shows_no_lag_that_it_does_not_know_and_says_so_once(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.log.appended[10] = scene.now
    scene.pass_by(3 * LOOK_S)
    capsys.readouterr()

    scene.log.away = True
    scene.pass_by(5 * LOOK_S)
    assert (shown("isthmus_lag"), shown("isthmus_oldest_unhandled_seconds")) == (None, None)
    assert "".join(capsys.readouterr()).count("ends-unknown") == 1

    scene.log.away = False
    scene.pass_by(LOOK_S)
    assert shown("isthmus_lag") == 10
    assert shown("isthmus_oldest_unhandled_seconds") is not None


# --- places that the process shows by itself


@pytest.fixture
def bare(scene: Scene) -> Iterator[Scene]:
    """A process that owns no partition, with a watchdog."""
    scene.progress.forget(*RAW)
    yield scene
    for name in scene.progress.watched():
        scene.progress.watch(name, lambda: Work(0, left=False))
    scene.dog.look()


def held(scene: Scene, excuse: Excuse = Excuse.ANYTHING) -> list[int]:
    """Shows a spool with records in it; the list's length is how far it is."""
    done: list[int] = []
    scene.progress.watch("spool", lambda: Work(len(done), left=True), excuse)
    return done


def test_it_ends_a_process_that_holds_something_that_does_not_move(bare: Scene) -> None:
    held(bare)
    bare.pass_by(PATIENCE_S)
    assert (bare.ended, bare.dog.fault()) == (0, None)

    bare.pass_by(LOOK_S)

    assert (bare.ended, bare.dog.fault(), stalled("spool")) == (1, "spool has not moved for 60 s", 60)


def test_what_is_held_and_moves_lives(bare: Scene) -> None:
    done = held(bare)
    for number in range(20):
        bare.pass_by(PATIENCE_S - LOOK_S)
        done.append(number)

    assert bare.ended == 0


def test_a_beat_somewhere_is_no_move_of_what_is_held(bare: Scene) -> None:
    held(bare)
    for _ in range(3):
        bare.pass_by(PATIENCE_S / 2)
        bare.progress.beat()

    assert bare.ended > 0


@pytest.mark.parametrize(
    ("excuse", "kafka_away", "says", "ended"),
    [
        (Excuse.ANYTHING, True, "", False),
        (Excuse.ANYTHING, False, "the disk is full", False),
        (Excuse.KAFKA, True, "", False),
        (Excuse.KAFKA, False, "the disk is full", True),
        (Excuse.NOTHING, True, "the disk is full", True),
    ],
)
def test_a_place_stands_still_for_its_own_reasons_only(
    bare: Scene, excuse: Excuse, kafka_away: bool, says: str, ended: bool
) -> None:
    held(bare, excuse)
    bare.log.away, bare.excuse = kafka_away, says

    bare.pass_by(2 * PATIENCE_S)

    assert (bare.ended > 0) == ended


def test_what_is_shown_no_more_is_not_its_business(bare: Scene) -> None:
    forget = bare.progress.watch("spool", lambda: Work(0, left=True))
    bare.pass_by(PATIENCE_S)
    forget()
    bare.pass_by(10 * PATIENCE_S)

    assert (bare.ended, stalled("spool")) == (0, None)


def test_a_question_may_take_as_long_as_it_says(bare: Scene) -> None:
    bare.progress.watch("replay", lambda: Work(bare.progress.beats, left=True))
    with bare.progress.asking("the store compares", 10 * PATIENCE_S):
        bare.pass_by(10 * PATIENCE_S)
        assert bare.ended == 0

        bare.pass_by(2 * PATIENCE_S)

        assert bare.ended > 0


def test_what_is_said_meanwhile_does_not_shorten_a_question(bare: Scene) -> None:
    bare.progress.watch("replay", lambda: Work(bare.progress.beats, left=True))
    with bare.progress.asking("the store compares", 10 * PATIENCE_S):
        bare.progress.waits("the API")
        bare.pass_by(9 * PATIENCE_S)

    assert bare.ended == 0


def test_a_process_that_goes_on_after_its_question_lives(bare: Scene) -> None:
    bare.progress.watch("replay", lambda: Work(bare.progress.beats, left=True))
    for _ in range(20):
        with bare.progress.asking("the store compares", 10 * PATIENCE_S):
            bare.pass_by(PATIENCE_S)
        bare.pass_by(PATIENCE_S - LOOK_S)

    assert bare.ended == 0


# --- readers of the registry

FOLLOWED: Place = ("users", 0)


@pytest.fixture
def follower(bare: Scene) -> Iterator[Scene]:
    """Its reader of `users` is at offset 3; the topic's last offset, 4, is a marker."""
    forget = bare.progress.follow("registry", lambda: {"users": bare.read})
    bare.read, bare.log.ends[FOLLOWED] = 3, 5
    yield bare
    forget()
    bare.dog.look()


def test_it_ends_a_process_whose_reader_does_not_come_to_the_end(follower: Scene) -> None:
    follower.pass_by(PATIENCE_S + LOOK_S)

    assert (follower.ended, follower.dog.fault()) == (1, "registry has not moved for 60 s")
    assert (shown("isthmus_lag", FOLLOWED), stalled("registry")) == (2, 60)


def test_a_reader_at_the_end_lives(follower: Scene) -> None:
    follower.read = 5
    follower.pass_by(10 * PATIENCE_S)

    assert (follower.ended, shown("isthmus_lag", FOLLOWED)) == (0, 0)


def test_what_the_process_waits_for_is_no_excuse_for_its_reader(follower: Scene) -> None:
    for _ in range(10):
        follower.progress.waits("no generation yet")
        follower.pass_by(20)
    assert follower.ended > 0


def test_a_reader_waits_for_kafka(follower: Scene) -> None:
    follower.log.away = True
    follower.pass_by(10 * PATIENCE_S)

    assert follower.ended == 0


def test_a_topic_that_is_owned_and_followed_is_judged_as_followed(follower: Scene) -> None:
    """A marker at its end is never handled by who owns it."""
    follower.progress.begin(*FOLLOWED, 4)
    follower.read = 5
    follower.pass_by(10 * PATIENCE_S)

    assert follower.ended == 0
    follower.progress.forget(*FOLLOWED)


# --- laws of the parts

moves = st.lists(st.tuples(st.floats(0.1, 2 * LOOK_S), st.booleans()), min_size=1, max_size=30)


@given(moves)
def test_standing_is_the_time_since_the_last_move_as_far_as_was_looked(steps: list[tuple[float, bool]]) -> None:
    standing, now, offset, expected = Standing(), 0.0, 0, 0.0
    standing.look(now, {"raw 0": Work(offset, left=True)})
    for passed, moved in steps:
        now, offset = now + passed, offset + moved
        expected = 0.0 if moved else expected + passed
        standing.look(now, {"raw 0": Work(offset, left=True)})

        assert standing.seconds == {"raw 0": pytest.approx(expected, abs=1e-6)}


def test_standing_without_work_is_no_standing() -> None:
    standing = Standing()
    for now, left in enumerate((True, True, True, False, True, True)):
        standing.look(float(now), {"spool": Work(7, left)})

    assert standing.seconds == {"spool": 1.0}


def test_standing_forgets_a_place_that_is_shown_no_more() -> None:
    standing = Standing()
    for now in (0.0, 4.0):
        standing.look(now, {"spool": Work(7, left=True)})
    standing.look(5.0, {})
    standing.look(6.0, {"spool": Work(7, left=True)})

    assert standing.seconds == {"spool": 0.0}


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
