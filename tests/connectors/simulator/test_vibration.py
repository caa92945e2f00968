"""Batches of a simulated sensor."""

import json
from collections import Counter
from itertools import islice
from math import pi, sin

import numpy as np
import pytest

from connectors.simulator import vibration
from streams.core.block import count
from streams.core.decode import decode
from streams.core.records import Lineage, RawRecord
from streams.pipeline import context
from streams.settings import DecodeSettings

START = 1_793_620_800_000_000_000


def test_the_signal_is_the_sum_of_its_sines() -> None:
    at = 0.0123
    expected = (
        1.0 * sin(2 * pi * 5 * at) + 0.6 * sin(2 * pi * 2.5 * at) + 0.5 * sin(2 * pi * 10 * at)
        + 0.3 * sin(2 * pi * 60 * at + 0.3) + 0.16 * sin(2 * pi * 120 * at + 0.3) + 0.86 * sin(2 * pi * 190 * at)
        + 0.36 * sin(2 * pi * 550 * at)
    )  # fmt: skip
    assert vibration.signal(np.array([12_300_000])).tolist() == pytest.approx([expected])


@pytest.mark.parametrize(("hz", "counts"), [(25_000, [25_000] * 2), (2.5, [3, 2, 3]), (0.5, [1, 0, 1, 0]), (1, [1, 1])])
def test_batches_are_an_even_row_without_gap_or_repeat(hz: float, counts: list[int]) -> None:
    batches = [vibration.times(START, hz, number) for number in range(len(counts))]

    assert [len(one) for one in batches] == counts
    row = np.concatenate(batches)
    assert set(np.diff(row).tolist()) == ({round(1e9 / hz)} if len(row) > 1 else set())


def test_the_same_batch_is_the_same_bytes_and_another_is_not() -> None:
    one, again = (vibration.batch("AAD-0001", START, 1_000, 3) for _ in range(2))

    assert one == again
    assert one != vibration.batch("AAD-0002", START, 1_000, 3)
    assert len(json.loads(one)) == 1_000


@pytest.mark.parametrize(("body", "readings", "ignored"), [
    (vibration.batch("AAD-0001", START, 100, 0), 1, []),
    (vibration.logged("AAD-0001", START + 5, "INFO", "Booting completed..."), 1, []),
    (vibration.started("AAD-0001", 100), 0, [("open", "registration")]),
])  # fmt: skip
def test_every_body_is_read(body: bytes, readings: int, ignored: list[tuple[str, str]]) -> None:
    raw = RawRecord(
        id="1", source="vibration", transport="mqtt", address=vibration.topic("AAD-0001", "measurements"),
        received_at=START + 2 * 10**9, payload=body,
    )  # fmt: skip

    outcome = decode(raw, Lineage(0, 0), 1, context(DecodeSettings(), lambda _: None))

    assert (len(outcome.readings), outcome.ignored, outcome.dead_letters) == (readings, ignored, [])


def test_serials_are_distinct_and_good() -> None:
    names = vibration.serials(50)

    assert len(set(names)) == 50
    assert all(len(name) == 8 for name in names)


def test_sensors_boot_and_then_send_a_batch_each_second() -> None:
    sent = list(islice(vibration.messages(1, 2, 100.0, START), 8))
    assert sent == list(islice(vibration.messages(1, 2, 100.0, START), 8))
    ready = context(DecodeSettings(), lambda _: None)
    counts: Counter[str] = Counter()
    for turn, message in enumerate(sent):
        raw = RawRecord(
            id="1", source="vibration", transport="http", address=message.address, received_at=message.at,
            payload=message.payload,
        )  # fmt: skip
        outcome = decode(raw, Lineage(0, turn), 1, ready)
        assert not outcome.dead_letters
        counts.update({reading.device: sum(map(count, reading.blocks)) for reading in outcome.readings})
    assert list(counts.values()) == [200, 200]
