"""CSV bodies that would make too much of one record."""

import csv

import pytest

from streams.core.message import Rejected
from streams.core.records import RawRecord
from streams.decoders.csv_rows import DECODER
from streams.pipeline import decoders
from streams.settings import DecodeSettings

CSV = decoders(DecodeSettings())[DECODER.name]


def opened(*lines: str) -> list[object]:
    body = "\n".join(lines).encode()
    return list(CSV.open(RawRecord(id="1", source="csv", transport="http", address="csv", received_at=1, payload=body)))


def test_a_body_has_so_many_devices() -> None:
    rows = [f"d{number},1" for number in range(5_001)]

    assert len(opened("device,v", *rows[:-1])) == 5_000
    assert opened("device,v", *rows) == [Rejected("open", "too-many-devices", "more than 5000 devices")]


def test_a_body_has_so_many_cells() -> None:
    names = ["device", *map(str, range(1_000))]

    assert opened(",".join(names), *[",".join(["d"] * len(names))] * 200) == [
        Rejected("open", "bad-csv", "more than 200000 cells")
    ]


@pytest.mark.parametrize("row", ["d,x", ",1", "d,1,2"])
def test_what_is_wrong_is_told_so_often_and_then_counted(row: str) -> None:
    parts = opened("device,v", "good,1", *[row] * 5_000)

    assert len(parts) == 1 + 1_000 + 1
    assert parts[-1] == Rejected("open", "more-faults", "4000 more, of the same body")


@pytest.mark.parametrize("of_the_process", [131_072, 1 << 30])
def test_a_cell_has_so_many_characters_whatever_the_process_has_set(of_the_process: int) -> None:
    before = csv.field_size_limit(of_the_process)
    try:
        fits, long, longer = (opened("device,v", f"d,{'1' * size}") for size in (100_000, 100_001, 200_000))
    finally:
        csv.field_size_limit(before)

    assert [part.reason for part in fits if isinstance(part, Rejected)] != ["bad-csv"]
    assert [part.reason for part in (*long, *longer) if isinstance(part, Rejected)] == ["bad-csv", "bad-csv"]
