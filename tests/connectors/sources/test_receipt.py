"""Raw records as the doors make them."""

import uuid

from hypothesis import given
from hypothesis import strategies as st

from connectors.sources.receipt import MAX_HEADER_CHARS, MAX_HEADERS, bounded, uuid7


@given(st.integers(0, (1 << 48) * 1_000_000 - 1))
def test_makes_ids_of_version_7_with_the_time_in_front(now_ns: int) -> None:
    made = uuid.UUID(uuid7(now_ns))
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert made.int >> 80 == now_ns // 1_000_000


def test_makes_another_id_each_time() -> None:
    assert len({uuid7(0) for _ in range(1000)}) == 1000


def test_joins_repeated_headers() -> None:
    assert bounded([("a", "1"), ("b", "2"), ("a", "3")]) == {"a": "1, 3", "b": "2"}


@given(st.lists(st.tuples(st.text(), st.text())))
def test_bounds_headers_whatever_comes(headers: list[tuple[str, str]]) -> None:
    many = [*headers, *((f"h{number}", "x" * 5000) for number in range(100))]
    kept = bounded(many)
    assert len(kept) == MAX_HEADERS
    assert all(len(name) <= MAX_HEADER_CHARS and len(value) <= MAX_HEADER_CHARS for name, value in kept.items())
