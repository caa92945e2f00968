"""What verification may demand of the store after replays: rows in few words, (generation, raw offset) for a version."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from msgspec.json import encode
from msgspec.structs import replace

from connectors.verify.expected import Contents, Newest, Point, PointKey, derive
from connectors.verify.origins import OTHER_CODE, PUT_BACK, Origins
from connectors.verify.reconcile import ELSEWHERE, Judged, reconcile, shown
from streams.agents.generations import Hashes
from streams.core.identity import row_version
from streams.core.records import Generation
from streams.core.replay_record import Replay
from streams.replay.runs import Runs
from streams.replay.selection import Selection

K: PointKey = (1, 1)
OURS = Hashes("new", {"c"}, {"r"})


def generation(number: int, fence: int, code: str = "new") -> Generation:
    return Generation(
        number=number, fences={"0": fence, "1": 0}, code=code, codecs="c", rules="r", opened_at=0, opened_by="", why=""
    )  # fmt: skip


def replay(
    state: str = "applied", mode: str = "decode", number: int = 3, undo: int | None = None, **selection: object
) -> Replay:
    wanted = encode(Selection(**selection)).decode()  # type: ignore[arg-type]  # of whatever criteria
    return Replay(
        id=1, mode=mode, state=state, selection=wanted, ends={"0": 100, "1": 100}, generation=number, undo_generation=undo
    )  # fmt: skip


def point(value: float, number: int, offset: int = 5, partition: int = 0, uid: int | None = None) -> Point:
    return Point(value, None, uid, row_version(number, partition, offset))


def judge(
    expected: Point | None,
    found: Point | None,
    *replays: Replay,
    generations: tuple[Generation, ...] = (generation(1, 0),),
    unsure: Runs | None = None,
    masked: Point | None = None,
    withdrawn: dict[PointKey, int] | None = None,
) -> Judged:
    ours = Contents(points={K: expected} if expected else {}, masked={K: [masked]} if masked else {})
    theirs = Contents(points={K: found} if found else {})
    return reconcile(ours, unsure or Runs(), theirs, Origins(generations, OURS, replays, {}), withdrawn or {})


@given(st.dictionaries(st.tuples(st.integers(0, 5), st.integers(0, 5)), st.floats(0, 9)), st.data())
def test_without_replays_and_other_code_exactly_the_expected_rows_may_be_there(
    values: dict[PointKey, float], data: st.DataObject
) -> None:
    ours = Contents(points={key: point(value, 1) for key, value in values.items()})
    theirs = Contents(points={key: point(data.draw(st.floats(0, 9)), data.draw(st.integers(1, 3))) for key in values})
    theirs.points[9, 9] = point(1.0, 1)

    judged = reconcile(ours, Runs(), theirs, Origins([generation(1, 0)], OURS, [], {}), {})

    assert (judged.contents.points, judged.unchecked) == (ours.points, Counter())


def test_a_replays_row_has_the_replays_generation_and_the_rest_as_expected() -> None:
    generations = (generation(1, 0), generation(3, 100))

    right = judge(point(2.0, 1), point(2.0, 3), replay(), generations=generations)
    wrong = judge(point(2.0, 1), point(9.0, 3), replay(), generations=generations)
    of_another_record = judge(point(2.0, 1), point(2.0, 3, offset=300), replay(), generations=generations)

    assert right.contents.points == {K: point(2.0, 3)}
    assert wrong.contents.points == {K: point(2.0, 1)}, "content that is not ours stays a fault"
    assert of_another_record.contents.points == {K: point(2.0, 1)}
    assert right.unchecked == wrong.unchecked == of_another_record.unchecked == Counter()


def test_a_row_that_a_replay_found_the_same_stays_whoever_wrote_it() -> None:
    generations = (generation(1, 0, "old"), generation(2, 50), generation(3, 100))

    kept = judge(point(2.0, 2), point(2.0, 1), replay(), generations=generations)
    of_a_repeat = judge(point(2.0, 2), point(2.0, 1, offset=6), replay(), generations=generations)
    of_nobody = judge(point(2.0, 2), point(2.0, 1, offset=6), generations=(generation(2, 0),))

    assert kept.contents.points == {K: point(2.0, 1)}
    assert of_a_repeat.contents.points == {K: point(2.0, 1, offset=6)}
    assert of_nobody.contents.points == {K: point(2.0, 2)}


def test_a_generation_that_no_replay_opened_is_a_fault() -> None:
    assert judge(point(2.0, 1), point(2.0, 2)).contents.points == {K: point(2.0, 1)}


def test_rows_of_other_code_are_taken_as_they_are_until_a_replay_has_redone_them() -> None:
    generations = (generation(1, 0, "old"), generation(2, 50), generation(3, 100))
    unsure = Runs([(0, 5, 5)])

    before = judge(point(2.0, 2), point(20.0, 1), generations=generations, unsure=unsure)
    absent = judge(point(2.0, 2), None, generations=generations, unsure=unsure)
    extra = judge(None, point(20.0, 1), generations=generations)
    after = judge(point(2.0, 2), point(20.0, 1), replay(), generations=generations)
    lost = judge(point(2.0, 2), None, replay(), generations=generations)

    assert before.contents.points == extra.contents.points == {K: point(20.0, 1)}
    assert absent.contents.points == {}
    assert before.unchecked == absent.unchecked == extra.unchecked == Counter({OTHER_CODE: 1})
    assert after.contents.points == lost.contents.points == {K: point(2.0, 2)}, "replayed: now it must be there"


def test_what_an_undo_put_back_or_took_away_cannot_be_judged() -> None:
    generations = (generation(1, 0), generation(3, 100), generation(4, 100))
    undone = replay("undone", undo=4)
    tombstone = {K: row_version(4, 0, 5)}

    back = judge(point(2.0, 1), point(20.0, 4), undone, generations=generations)
    away = judge(point(2.0, 1), None, undone, generations=generations, withdrawn=tombstone)
    live = judge(point(2.0, 4, offset=200), point(9.0, 4, offset=200), undone, generations=generations)

    assert (back.contents.points, back.unchecked) == ({K: point(20.0, 4)}, Counter({PUT_BACK: 1}))
    assert (away.contents.points, away.unchecked) == ({}, Counter({PUT_BACK: 1}))
    assert live.contents.points == {K: point(2.0, 4, offset=200)}, "after the fence live data has that number, too"


def test_a_tombstone_of_this_codes_replay_is_a_fault_where_a_point_is_expected() -> None:
    tombstone = {K: row_version(3, 0, 5)}

    judged = judge(
        point(2.0, 1), None, replay(), generations=(generation(1, 0), generation(3, 100)), withdrawn=tombstone
    )

    assert judged.contents.points == {K: point(2.0, 1)}


def test_a_place_replay_does_not_vouch_for_the_code() -> None:
    placed = replay(mode="place")
    old = (generation(1, 0, "old"), generation(2, 50), generation(3, 100))
    own = (generation(1, 0), generation(3, 100))

    kept = judge(point(2.0, 2, uid=7), point(20.0, 3, uid=7), placed, generations=old, unsure=Runs([(0, 5, 5)]))
    wrong = judge(point(2.0, 1, uid=7), point(2.0, 3, uid=8), placed, generations=own)

    assert kept.unchecked == Counter({OTHER_CODE: 1})
    assert wrong.contents.points == {K: point(2.0, 1, uid=7)}


def test_a_row_of_another_raw_partition_that_a_replay_left_alone_is_named() -> None:
    generations = (generation(1, 0), generation(3, 100))
    kept = point(4.0, 1, offset=3, partition=1)

    shielded = judge(point(2.0, 1), kept, replay(), generations=generations, masked=kept)
    without_replay = judge(point(2.0, 1), kept, masked=kept)

    assert (shielded.contents.points, shielded.unchecked) == ({K: kept}, Counter({ELSEWHERE: 1}))
    assert without_replay.contents.points == {K: point(2.0, 1)}


def test_dead_letters_of_replayed_records_may_stay_and_others_may_not() -> None:
    old, expected = ("open", "bad-json", 0, 5, 0), ("codec", "no-codec", 0, 6, 0)
    ours, theirs = Contents(dead_letters=Counter([expected])), Contents(dead_letters=Counter([old, expected]))

    def letters(*replays: Replay) -> set[object]:
        generations = (generation(1, 0), generation(3, 100))
        judged = reconcile(ours, Runs(), theirs, Origins(generations, OURS, replays, {}), {})
        return set(judged.contents.dead_letters)

    assert letters(replay()) == {old, expected}
    assert letters() == {expected}
    assert letters(replay(offsets={"0": (6, 9)})) == {expected}, "the record was not in the selection"


def test_quality_belongs_to_the_content_that_a_replay_may_have_written() -> None:
    generations = (generation(1, 0), generation(3, 100))
    implausible = replace(point(2.0, 1), quality=2)

    right = judge(implausible, replace(point(2.0, 3), quality=2), replay(), generations=generations)
    wrong = judge(implausible, point(2.0, 3), replay(), generations=generations)

    assert right.contents.points == {K: replace(point(2.0, 3), quality=2)}
    assert wrong.contents.points == {K: implausible}


def newest(found: Point, *replays: Replay, wanted: Point | None = None, time: int = 1) -> bool:
    """Whether `latest` may show ``found`` where ``wanted`` is the newest point."""
    origins = Origins((generation(1, 0), generation(3, 100)), OURS, replays, {})
    have = {1: Newest(time, found)}
    return shown({1: Newest(1, wanted or point(2.0, 1))}, have, origins) == have


def test_latest_must_show_what_the_newest_point_is() -> None:
    text = Point(None, "on", 7, row_version(1, 0, 5), 2)

    assert newest(point(2.0, 1))
    assert newest(text, wanted=text)
    assert not newest(point(2.0, 1), time=2)
    assert not newest(point(9.0, 1))
    assert not newest(point(2.0, 1, offset=6)), "of another record"
    assert not newest(point(2.0, 2)), "of a generation that nobody opened"
    for other in ({"text": "off"}, {"value": 1.0}, {"logical_uid": 8}, {"quality": 0}):
        assert not newest(replace(text, **other), wanted=text)


def test_latest_may_have_the_version_that_a_point_of_the_same_content_may_have() -> None:
    assert newest(point(2.0, 3), replay()), "the point was lost, and restored as live decoding makes it"
    assert newest(point(2.0, 1), replay(), wanted=point(2.0, 3))
    assert not newest(point(9.0, 3), replay())


def test_where_the_newest_point_cannot_be_judged_latest_is_judged_by_the_point_that_is_there() -> None:
    old = (generation(1, 0, "old"), generation(2, 50))
    judged = judge(point(2.0, 2), point(20.0, 1), generations=old, unsure=Runs([(0, 5, 5)]))
    derive(judged.contents, ())
    origins = Origins(old, OURS, [], {})

    right, wrong = ({1: Newest(1, point(value, 1))} for value in (20.0, 2.0))
    assert shown(judged.contents.latest, right, origins) == right
    assert shown(judged.contents.latest, wrong, origins) == right
