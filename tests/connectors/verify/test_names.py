"""Every series that has points has a name; whether it is the right one, its number says."""

from connectors.verify import names
from connectors.verify.compare import compare
from connectors.verify.expected import Contents, Name, PointKey
from streams.core.identity import series_id

A, B = Name("json:a", "t"), Name("json:b", "t")
ONE, OTHER = (series_id(name.device, name.name) for name in (A, B))
POINTS: list[PointKey] = [(ONE, 1), (ONE, 2), (OTHER, 1)]


def compared(told: dict[int, Name], found: dict[int, Name]) -> tuple[int, int, int]:
    wanted = names.expected(POINTS, told, found)
    series = compare(Contents(names=wanted), Contents(names=names.asked(wanted, found)))[-1]
    return series.missing, series.extra, series.wrong


def test_what_the_log_names_must_be_named_so() -> None:
    told = {ONE: A, OTHER: B}

    assert compared(told, told) == (0, 0, 0)
    assert compared(told, {ONE: A}) == (1, 0, 0)
    assert compared(told, {ONE: A, OTHER: A}) == (0, 0, 1)


def test_what_only_the_store_has_is_named_by_its_number() -> None:
    assert compared({}, {ONE: A, OTHER: B}) == (0, 0, 0)
    assert compared({ONE: A}, {ONE: A}) == (1, 0, 0)
    assert compared({ONE: A}, {ONE: A, OTHER: Name("json:b", "u")}) == (0, 0, 1)


def test_a_name_of_a_series_without_points_is_no_fault() -> None:
    assert compared({ONE: A, OTHER: B}, {ONE: A, OTHER: B, 7: Name("json:c", "t")}) == (0, 0, 0)
