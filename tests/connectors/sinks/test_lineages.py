from contextlib import nullcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sinks.lineages import Lineages, fits
from streams.core.records import Lineage

lineages = st.builds(Lineage, st.integers(0, 3), st.integers(0, 40), st.integers(0, 2))


@given(st.lists(lineages), st.data())
def test_redelivery_is_dropped_and_news_is_not(first: list[Lineage], data: st.DataObject) -> None:
    in_order = sorted(set(first))
    cut = data.draw(st.integers(0, len(in_order)))
    back = data.draw(st.integers(0, cut))
    seen = Lineages()
    came = [lineage for lineage in in_order[:cut] + in_order[back:] if seen.admit(lineage)]
    assert came == in_order


@given(st.lists(lineages))
def test_comes_back_from_a_commit_as_it_was(admitted: list[Lineage]) -> None:
    seen = Lineages()
    for lineage in admitted:
        seen.admit(lineage)
    again = Lineages.load(seen.dump())
    assert not any(again.admit(lineage) for lineage in admitted)
    assert again.dump() == seen.dump()


def test_fits_into_a_commit_with_every_partition_at_its_highest() -> None:
    seen = Lineages({number: Lineage(number, (1 << 38) - 1, (1 << 18) - 1) for number in range(256)})
    assert len(seen.dump()) == 2732
    assert Lineages.load(seen.dump()).dump() == seen.dump()


def test_starts_empty_from_a_commit_without_metadata() -> None:
    assert Lineages.load("").dump() == ""


@pytest.mark.parametrize(
    ("lineage", "fitting"),
    [
        (Lineage(255, (1 << 38) - 1, (1 << 18) - 1), True),
        (Lineage(0, 0, 0), True),
        (Lineage(256, 0, 0), False),
        (Lineage(0, 1 << 38, 0), False),
        (Lineage(0, 0, 1 << 18), False),
        (Lineage(-1, 0, 0), False),
        (Lineage(0, -1, 0), False),
        (Lineage(0, 0, -1), False),
    ],
    ids=str,
)
def test_tells_what_fits_into_a_commit(lineage: Lineage, *, fitting: bool) -> None:
    assert fits(lineage) is fitting
    with nullcontext() if fitting else pytest.raises(OverflowError):
        Lineages({lineage.partition: lineage}).dump()


def test_refuses_what_does_not_fit_and_what_it_did_not_write() -> None:
    with pytest.raises(OverflowError):
        Lineages({256: Lineage(256, 0, 0)}).dump()
    with pytest.raises(ValueError, match="no lineages"):
        Lineages.load("AAAA")
