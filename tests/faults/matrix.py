"""The fault matrix: every case by name, in the order in which they are run."""

from tests.faults import anchors
from tests.faults.cases import content, doors, environment, mapping, middle, outside, replays, short
from tests.faults.run import Case

CASES: dict[str, Case] = {
    case.name: case
    for case in (
        *doors.CASES,
        *middle.CASES,
        *replays.CASES,
        *outside.CASES,
        *environment.CASES,
        *short.CASES,
        *content.CASES,
        *mapping.CASES,
        *anchors.CASES,
    )
}
