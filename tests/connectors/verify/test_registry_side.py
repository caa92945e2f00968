"""Rows of the registry against its topics: what Kafka has compacted away, and what came or is to come, is no fault."""

from typing import Any

import pytest

from connectors.sinks.base import Record
from connectors.verify import registry_side
from connectors.verify.compare import Difference
from connectors.verify.registry_side import Told
from connectors.verify.scope import WHOLE, Scope
from streams import avro
from streams.core.records import DeviceMapping, Interval, LogicalDevice

NONE = range(9, 9)


def told(topic: str, key: str, value: Any, offset: int) -> tuple[Any, Told]:
    record = Record(topic, 0, offset, key.encode(), None if value is None else avro.encode(value), 0)
    rows = registry_side._rows(topic, record)
    return rows[0][0], Told(record, [row for row in rows if not registry_side._columns(topic, row).get("is_deleted")])


def mapped(device: str, *uids: int, offset: int = 0) -> tuple[Any, Told]:
    intervals = [Interval(uid, 10 * n) for n, uid in enumerate(uids)]
    return told("device-mapping", device, DeviceMapping(device=device, physical_uid=1, intervals=intervals), offset)


def counts(answer: tuple[Difference, int]) -> tuple[int, int, int, int, int]:
    difference, behind = answer
    return difference.expected, difference.missing, difference.extra, difference.wrong, behind


def compared(
    mine: list[Any], theirs: list[Any], newer: range = NONE, topic: str = "device-mapping", **more: Any
) -> Any:
    found = {key: one.rows for key, one in theirs if one.rows}
    more = {"committed": 9, "scope": WHOLE, "refused": (), **more}
    return counts(
        registry_side.compare(topic, dict(mine), found, more["committed"], newer, more["scope"], more["refused"])
    )


def test_the_newest_record_of_a_device_says_what_must_be_there() -> None:
    newest = mapped("json:a", 7, 8, offset=3)

    assert compared([newest], [newest]) == (1, 0, 0, 0, 0)
    assert compared([newest], []) == (1, 1, 0, 0, 0)
    assert compared([newest], [mapped("json:a", 7, 8, offset=2)]) == (1, 0, 0, 1, 0)
    assert compared([], [newest]) == (0, 0, 1, 0, 0)


def test_what_is_not_committed_may_not_be_there_yet() -> None:
    newest = mapped("json:a", 7, offset=9)

    for found in ([], [newest], [mapped("json:a", 6, offset=2)]):
        assert compared([newest], found) == (0, 0, 0, 0, 1)


def test_what_came_meanwhile_is_not_judged_and_what_the_topic_has_lost_is() -> None:
    mine, later = mapped("json:a", 6, offset=2), mapped("json:a", 7, offset=9)

    assert compared([mine], [later], newer=range(9, 10)) == (0, 0, 0, 0, 0)
    assert compared([], [later], newer=range(9, 10)) == (0, 0, 0, 0, 0)
    assert compared([mine], [later], newer=range(9, 9)) == (1, 0, 0, 1, 0)


def test_what_a_deletion_leaves_may_stay_when_kafka_has_compacted_it_away() -> None:
    assert compared([], [told("device-mapping", "json:a", None, 4)]) == (0, 0, 0, 0, 0)
    assert (
        compared([], [told("logical-devices", "7", LogicalDevice(uid=7, name="x"), 4)], topic="logical-devices")[2] == 1
    )


def test_a_device_that_is_deleted_must_be_gone() -> None:
    gone, there = told("logical-devices", "7", None, 4), told("logical-devices", "7", LogicalDevice(uid=7, name="x"), 3)

    assert compared([gone], [], topic="logical-devices") == (0, 0, 0, 0, 0)
    assert compared([gone], [there], topic="logical-devices") == (0, 0, 1, 0, 0)
    assert compared([gone], [there], topic="logical-devices", committed=4) == (0, 0, 0, 0, 0)


def test_what_the_sink_has_refused_is_not_missing() -> None:
    assert compared([mapped("json:a", 7, offset=3)], [], refused={"device-mapping 0@3"}) == (0, 0, 0, 0, 0)


def test_of_one_device_only_its_own_rows_are_compared() -> None:
    lost = [mapped("json:a", 7), mapped("json:b", 7)]

    assert compared(lost, [], scope=Scope(device="json:b")) == (1, 1, 0, 0, 0)
    assert compared(lost, [], scope=Scope(device="json:b"), committed=0) == (0, 0, 0, 0, 1)


@pytest.mark.parametrize(
    ("topic", "scope", "expected"),
    [
        ("device-mapping", WHOLE, True),
        ("device-mapping", Scope(device="json:a"), True),
        ("logical-devices", Scope(device="json:a"), False),
        ("device-mapping", Scope(end=5), False),
    ],
)
def test_the_registry_has_no_times_of_measuring(topic: str, scope: Scope, *, expected: bool) -> None:
    assert registry_side.takes(topic, scope) is expected
