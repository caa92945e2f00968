"""Readings and records in few words."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec import Struct

from connectors.sinks.base import Record
from connectors.sinks.outgoing import Message, messages
from streams import avro
from streams.core.records import DeviceMapping, Interval, Measurement, Reading
from streams.core.times import SECOND

NOON = 1_793_620_800 * SECOND
"""2026-11-02 12:00 UTC"""
DEVICE = "json:probe"
MAPPING = DeviceMapping(device=DEVICE, physical_uid=3, intervals=[Interval(7, 0)])


def measured(value: float | str, name: str = "t", time: int = NOON) -> Measurement:
    number, text = (None, value) if isinstance(value, str) else (value, None)
    return Measurement(name, "C", time, number, text)


def reading(
    *measurements: Measurement,
    cid: str = "cid",
    offset: int = 0,
    partition: int = 0,
    index: int = 0,
    device: str = DEVICE,
) -> Reading:
    return Reading(
        id="content",
        device=device,
        source="json",
        correlation_id=cid,
        received_at=NOON,
        time=NOON,
        raw_partition=partition,
        raw_offset=offset,
        index=index,
        generation=1,
        decoder="json@1",
        codec=None,
        mapping_position=-1,
        physical_uid=3,
        source_ids={"id": "probe"},
        measurements=list(measurements or (measured(21.5),)),
    )


def message(*measurements: Measurement, cid: str = "cid", index: int = 0) -> Message:
    return messages(reading(*measurements, cid=cid, index=index), MAPPING)[0]


def record(
    value: Struct | bytes, offset: int = 0, *, partition: int = 0, time: int = NOON, topic: str = "readings"
) -> Record:
    data = value if isinstance(value, bytes) else avro.encode(value)
    return Record(topic, partition, offset, DEVICE.encode(), data, time)


def synced_files(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Files and directories that are synced from now on; they are, too."""
    synced: list[Path] = []
    for name in ("fsync", "fdatasync"):
        monkeypatch.setattr(os, name, _noting(synced, getattr(os, name)))
    return synced


def _noting(synced: list[Path], sync: Callable[[int], None]) -> Callable[[int], None]:
    def noting(number: int) -> None:
        sync(number)
        synced.append(Path(f"/proc/self/fd/{number}").readlink())

    return noting
