"""What a codec's limits decided when a record came stands, whatever they would decide now."""

from connectors.verify.circumstances import as_it_was, cut
from connectors.verify.expected import Contents, Point
from connectors.verify.origins import Origins
from connectors.verify.reconcile import reconcile
from streams.agents.generations import Hashes
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
