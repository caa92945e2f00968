from connectors.replays.corrected import Corrected, Correction, corrected
from streams.core.records import Measurement
from streams.core.times import SECOND
from tests.connectors.replays.making import AROUND, NOON, correction


def told(*rows: Correction) -> Corrected:
    (one,) = corrected(rows, 5, AROUND)
    return one


def shown(one: Corrected) -> list[tuple[int, list[Measurement]]]:
    return [(message.logical_uid, message.measurements) for message in one.messages]


def test_a_changed_point_is_told_as_its_logical_device_shows_it() -> None:
    one = told(correction(215.0, name="raw"))

    assert shown(one) == [(9, [Measurement("moisture", "C", NOON, 21.5, None, 0, 9)])]
    assert (one.withdrawn, one.hidden) == ([], 0)
    assert (one.reading.correlation_id, one.reading.received_at, one.reading.generation) == ("cid-5", NOON, 5)
    assert (one.reading.physical_uid, one.reading.source_ids) == (3, {"id": "probe"})


def test_a_point_that_moved_is_withdrawn_where_it_stood() -> None:
    one = told(correction(21.5, time=NOON, uid=9, before_uid=7))

    assert shown(one) == [(9, [Measurement("t", "C", NOON, 21.5, None, 0, 9)])]
    assert [(m.logical_uid, m.measurements) for m in one.withdrawn] == [
        (7, [Measurement("t", "C", NOON, None, None, 0, 7)])
    ]


def test_a_removed_point_is_withdrawn_under_the_name_that_it_had_there() -> None:
    one = told(correction(215.0, name="raw", time=NOON - SECOND, before_uid=7, removed=True))

    assert one.messages == []
    assert [m.measurements[0].name for m in one.withdrawn] == ["moisture"]


def test_what_nobody_outside_knew_or_will_know_is_counted() -> None:
    one = told(
        correction(1.0, name="junk", before_uid=9),
        correction(2.0, before_uid=0, removed=True),
    )

    assert (one.messages, one.withdrawn, one.hidden) == ([], [], 2)


def test_points_of_one_raw_record_and_device_make_one_reading() -> None:
    rows = [
        correction(1.0, offset=5),
        correction("on", name="state", offset=5),
        correction(2.0, offset=6),
        correction(3.0, offset=6, device="json:other", uid=0, before_uid=0),
    ]

    found = list(corrected(rows, 5, AROUND))

    assert [(one.reading.raw_offset, one.reading.device, len(one.reading.measurements)) for one in found] == [
        (5, "json:probe", 2), (6, "json:probe", 1), (6, "json:other", 1),
    ]  # fmt: skip
    assert found[0].reading.measurements[1].text == "on"
    assert found[1].reading.correlation_id == "", "the store does not know the record's receipt"
