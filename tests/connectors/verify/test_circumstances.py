"""What a codec's limits decided when a record came stands, whatever they would decide now."""

from connectors.verify.circumstances import as_it_was, as_marked, by_limit, cut
from connectors.verify.expected import Contents, Point, PointKey
from connectors.verify.origins import Origins
from connectors.verify.reconcile import reconcile
from streams.agents.generations import Hashes
from streams.core import choice
from streams.core.identity import row_version
from streams.core.outcome import Outcome
from streams.core.records import DeadLetter, Generation, Measurement
from streams.replay.runs import Runs
from tests.connectors.sinks.making import NOON, reading


def letter(reason: str, stage: str = "codec", index: int = 0, offset: int = 5) -> DeadLetter:
    return DeadLetter(stage=stage, reason=reason, detail="", raw_partition=0, raw_offset=offset, index=index, at=0)


def test_only_limits_of_codecs_are_circumstances() -> None:
    letters = [
        letter("codec-suspended"),
        letter("codec-threw"),
        letter("codec-timeout", "send"),
        letter("no-data", offset=6),
    ]

    assert cut(letters) == {(0, 5): [letters[0]]}


def test_the_part_that_was_cut_has_the_letter_it_had_and_the_others_what_they_have() -> None:
    readings = [reading(Measurement("t", "C", NOON, float(index), None), index=index) for index in (0, 1)]
    outcome = Outcome(readings=readings, dead_letters=[letter("codec-timeout", index=2), letter("no-data", index=3)])
    letters = [letter("codec-suspended", index=1), letter("codec-suspended", index=2)]

    was = as_it_was(outcome, letters)

    assert was.readings == readings[:1]
    assert was.dead_letters == [letter("no-data", index=3), *letters]


def test_a_point_that_was_cut_may_be_there_as_it_would_be_and_no_other() -> None:
    generation = Generation(
        number=1, fences={"0": 0}, code="new", codecs="c", rules="r", opened_at=0, opened_by="", why=""
    )
    origins = Origins((generation,), Hashes("new", {"c"}, {"r"}), (), {})
    would_be, other = (Point(value, None, None, row_version(1, 0, 5)) for value in (7.0, 8.0))

    def kept(found: Point) -> Contents:
        return reconcile(Contents(), Runs(), Contents(points={(1, 1): found}), origins, {}, {(1, 1): would_be}).contents

    assert kept(would_be).points == {(1, 1): would_be}
    assert kept(other).points == {}


def test_a_limit_may_decide_only_where_a_codec_was_asked_beside_the_network_server() -> None:
    told = [("normalise", "no-measurements"), ("codec", choice.DIFFERS), ("codec", choice.FAILED)]

    assert [by_limit(Outcome(ignored=[one])) for one in told] == [False, True, True]
    assert not by_limit(Outcome())


def test_the_bit_that_a_limit_decides_is_as_it_was_found_and_no_other() -> None:
    key: PointKey = (1, 1)
    expected, beside = {key: Point(1.0, None, None, row_version(1, 0, 5), 4)}, Runs([(0, 5, 5)])

    def marked(quality: int, beside: Runs = beside) -> list[int]:
        found = {key: Point(1.0, None, None, row_version(1, 0, 5), quality)}
        return [point.quality for point in as_marked(expected, found, beside).values()]

    assert marked(0) == [0]
    assert marked(4) == marked(6) == marked(2) == []
    assert marked(0, Runs([(0, 6, 6)])) == marked(0, Runs()) == []
    assert as_marked(expected, {}, beside) == {}
