"""What recorded payloads became, for people and for programs."""

import sys
from collections.abc import Iterable
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from streams.core import block
from streams.core.message import QUALITY
from streams.core.outcome import Outcome
from streams.core.records import Measurement, RawRecord, Reading
from streams.core.times import to_text

Decoded = Iterable[tuple[RawRecord, Outcome]]
SHOWN = 5
"""values of a block"""
PIPED_WIDTH = 250
"""characters of a line that no screen bounds"""


def as_table(decoded: Decoded) -> None:
    """A table of the measurements, then what was rejected and ignored."""
    console = Console(width=None if sys.stdout.isatty() else PIPED_WIDTH, emoji=False)
    table = Table("record", "device", "name", "value", "unit", "time", "quality")
    notes: list[Text] = []
    for raw, outcome in decoded:
        for reading in outcome.readings:
            for row in _rows(reading):
                table.add_row(*(Text(cell) for cell in (raw.id, reading.device, *row)))
        notes += [
            Text(f"rejected {raw.id}: {letter.stage} {letter.reason}: {letter.detail}", "red")
            for letter in outcome.dead_letters
        ]
        notes += [Text(f"ignored  {raw.id}: {stage} {reason}") for stage, reason in outcome.ignored]
    if table.row_count:
        console.print(table)
    for note in notes:
        console.print(note)


def as_json(decoded: Decoded) -> None:
    """An object per record."""
    for raw, outcome in decoded:
        told = {
            "record": raw.id,
            "source": raw.source,
            "readings": [_reading(reading) for reading in outcome.readings],
            "dead_letters": [{"stage": d.stage, "reason": d.reason, "detail": d.detail} for d in outcome.dead_letters],
            "ignored": [{"stage": stage, "reason": reason} for stage, reason in outcome.ignored],
        }
        sys.stdout.buffer.write(msgspec.json.encode(told) + b"\n")
    sys.stdout.buffer.flush()


def _reading(reading: Reading) -> dict[str, Any]:
    measured = [*reading.measurements, *(point for run in reading.blocks for point in block.points(run))]
    return {
        "device": reading.device,
        "source_ids": reading.source_ids,
        "codec": reading.codec,
        "measurements": [
            {
                "name": m.name,
                "value": _value(m),
                "unit": m.unit,
                "time": to_text(m.time),
                "time_ns": m.time,
                "quality": _qualities(m.quality),
            }
            for m in measured
        ],
    }


def _rows(reading: Reading) -> Iterable[tuple[str, str, str, str, str]]:
    for m in reading.measurements:
        yield m.name, str(_value(m)), m.unit, to_text(m.time), ", ".join(_qualities(m.quality))
    for run in reading.blocks:
        first = ", ".join(map(str, block.values(run)[:SHOWN].tolist()))
        about = f"{block.count(run)} values: {first}{', …' if block.count(run) > SHOWN else ''}"
        yield run.name, about, run.unit, to_text(run.start), ", ".join(_qualities(run.quality))


def _value(measurement: Measurement) -> float | str | None:
    return measurement.text if measurement.value is None else measurement.value


def _qualities(bits: int) -> list[str]:
    return [name for name, bit in QUALITY.items() if bits & bit]
