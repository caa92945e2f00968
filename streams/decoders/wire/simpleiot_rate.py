"""Simple IoT's high-rate payload (``phr``): one point's samples at even times, packed, without JSON.

Source: Simple IoT, "Data", high-rate data. Little endian: type (16 bytes, padded with NUL), key (16), time of the first
sample (uint64, ns since 1970), period (uint32, ns), then float32 after float32.
"""

import struct

import numpy as np
from msgspec import Struct

from streams.core.block import TIME, VALUE

HEADER = struct.Struct("<16s16sQI")
SAMPLE = np.dtype("<f4")
LATEST = 2**63 - 1


class Packed(Struct, frozen=True):
    """What a payload holds; times (int64 ns) and values (float64) as ``core.message.Samples`` has them."""

    kind: str
    key: str
    times: bytes
    values: bytes
    newest: int


def read(payload: bytes) -> Packed | str:
    """The samples, or in words why there are none."""
    size = len(payload) - HEADER.size
    if size < SAMPLE.itemsize or size % SAMPLE.itemsize:
        return f"{len(payload)} bytes are no header of {HEADER.size} and whole samples"
    kind, key, start, period = HEADER.unpack_from(payload)
    values = np.frombuffer(payload, SAMPLE, offset=HEADER.size).astype(VALUE)
    newest = start + (len(values) - 1) * period
    if newest > LATEST:
        return f"the last of {len(values)} samples is at {newest} ns"
    if period == 0 and len(values) > 1:
        return f"{len(values)} samples without a period"
    times = np.int64(start) + np.arange(len(values), dtype=TIME) * np.int64(period)
    return Packed(_text(kind), _text(key), times.tobytes(), values.tobytes(), newest)


def _text(padded: bytes) -> str:
    return padded.partition(b"\0")[0].decode("utf-8", "replace")
