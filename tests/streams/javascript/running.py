"""Codecs of ours as tests run them."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from streams.core.codec import Call
from streams.core.message import Sender
from streams.javascript.codec import program
from streams.javascript.sandbox import Mode, Program, Sandbox
from streams.javascript.told import Answer

CODECS = Path(__file__).parent / "codecs"
TIME = 1_735_689_600_000_000_000
"""2025-01-01T00:00:00Z"""


def source(name: str) -> str:
    return (CODECS / f"{name}.js").read_text("utf-8")


def as_program(code: str, mode: Mode = "wrapped", *, lenient: bool = False) -> Program:
    return program(sha256(code.encode()).hexdigest(), code, mode, lenient=lenient)


def call(payload: str = "", port: int = 1, time: int = TIME, device: str = "ttn:a") -> Call:
    return Call(bytes.fromhex(payload), port, time, Sender(device=device, source_ids={}))


def run(sandbox: Sandbox, code: str, *payloads: str, mode: Mode = "wrapped", lenient: bool = False) -> Sequence[Answer]:
    return sandbox.run(as_program(code, mode, lenient=lenient), [call(p) for p in payloads], patient=True)
