"""Codecs of our own: messages a second on one core, of the low power payload and of a table.

`python -m benchmarks codecs` measures only this; no server is needed.
"""

import time
from collections.abc import Sequence

from benchmarks.result import Result
from streams.codecs import load
from streams.core.codec import Call, Codec
from streams.core.message import Sender

BATCH, BATCHES, ROUNDS = 100, 500, 7
START = 1_700_000_000_000_000_000
TARGET = 200_000
"""of the native codecs; a table, which is data, has no promise and is held against half of that"""


def results() -> list[Result]:
    """The figures."""
    codecs = load()
    return [
        _result("lpp", codecs["lpp"], [_lpp(n) for n in range(BATCH * BATCHES)], 3.5),
        _result("lpp_chirpstack", codecs["lpp-chirpstack"], [_lpp(n) for n in range(BATCH * BATCHES)], 3.5),
        _result("table", codecs["elsys"], [_elsys(n) for n in range(BATCH * BATCHES)], 4, TARGET // 2),
    ]


def _lpp(n: int) -> bytes:
    """Temperature, humidity and a battery's voltage; every other frame a barometer too."""
    frame = bytes((1, 103)) + (n % 500 - 100).to_bytes(2, "big", signed=True) + bytes((2, 104, n % 200))
    frame += bytes((3, 2)) + (300 + n % 120).to_bytes(2, "big")
    return frame + (bytes((4, 115)) + (9_900 + n % 400).to_bytes(2, "big") if n % 2 else b"")


def _elsys(n: int) -> bytes:
    """Temperature, humidity, light and the battery's voltage."""
    light, battery = (n % 1_000).to_bytes(2, "big"), (3_000 + n % 600).to_bytes(2, "big")
    return (
        b"\x01" + (n % 500 - 100).to_bytes(2, "big", signed=True) + bytes((2, n % 100, 4)) + light + b"\x07" + battery
    )


def _result(name: str, codec: Codec, payloads: Sequence[bytes], values: float, target: int = TARGET) -> Result:
    batches = [_calls(payloads[at : at + BATCH], at) for at in range(0, len(payloads), BATCH)]
    told = [answer for calls in batches for answer in codec.run(calls)]
    assert sum(len(answer) for answer in told if isinstance(answer, list)) == values * len(payloads), "wrong frames"
    del told
    rounds = sorted(_round(codec, batches) for _ in range(ROUNDS))
    rate = len(payloads) / rounds[ROUNDS // 2]
    return Result(
        name=f"codec_{name}_per_core", value=rate, unit="messages/s", target=target, at_least=True,
        detail=f"{codec.label}, {values:g} values a message, batches of {BATCH}; CPU time, median of {ROUNDS} rounds of "
        f"{len(payloads):,}: {1e6 / rate:.2f} µs a message; best {len(payloads) / rounds[0]:,.0f}/s",
    )  # fmt: skip


def _calls(payloads: Sequence[bytes], first: int) -> list[Call]:
    sender = Sender(device="ttn:a", source_ids={})
    return [Call(payload, 1, START + first + n, sender) for n, payload in enumerate(payloads)]


def _round(codec: Codec, batches: Sequence[Sequence[Call]]) -> float:
    before = time.process_time()
    for calls in batches:
        codec.run(calls)
    return time.process_time() - before
