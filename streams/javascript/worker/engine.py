"""The engine: contexts with limits, and a codec loaded into one."""

from pathlib import Path
from typing import Any

STACK_BYTES = 512 * 1024
LOAD_S = 1.0
"""CPU that compiling, or running the top level of a codec once, may take"""
PROOF_S = 0.02
PROOF = '/^(a+)+$/.test("a".repeat(40) + "b")'
"""takes years unless the engine looks at the limit while it matches"""
FIRST_COST_S = 0.002
NAMES = {
    "decodeUplink": "function",
    "normalizeUplink": "function",
    "Decoder": "function",
    "Decode": "function",
    "driver": "object",
}
"""what a codec is asked for, where its text has such a word"""


class Broken(Exception):
    """The codec cannot be loaded; the message is its fault in one line."""


class Codec:
    """A codec that is known; ``loaded`` is None until it is needed, and again after it went wrong."""

    def __init__(self, code: str, mode: str, *, lenient: bool) -> None:
        self.code, self.mode, self.lenient = code, mode, lenient
        self.loaded: Loaded | None = None

    def never_keep(self) -> None:
        """It changes the language itself: from now on each message gets a context of its own."""
        self.mode, self.loaded = "fresh", None


class Loaded:
    """A codec in its context; ``cost`` is the CPU that one call takes of late, in seconds."""

    def __init__(self, context: Any, step: Any) -> None:
        self.context, self.step, self.cost = context, step, FIRST_COST_S


class Engine:
    """Makes contexts; ``ms`` of CPU per call, ``mb`` of heap per context."""

    def __init__(self, quickjs: Any, ms: int, mb: int) -> None:
        self._quickjs, self.seconds, self._heap = quickjs, ms / 1000, mb << 20
        self.faults = (quickjs.JSException, ValueError, TypeError, MemoryError)
        here = Path(__file__).parent
        self._prelude = (here / "prelude.js").read_text("utf-8")
        self._buffer = (here / "buffer.js").read_text("utf-8")

    def context(self, seconds: float) -> Any:
        """A new one, empty."""
        made = self._quickjs.Context()
        made.set_memory_limit(self._heap)
        made.set_max_stack_size(STACK_BYTES)
        made.set_time_limit(seconds)
        return made

    def load(self, codec: Codec) -> Loaded:
        """A context with the codec in it.

        Raises:
            Broken: it does not compile, or its top level fails.
        """
        context = self.context(LOAD_S)
        setup = context.eval(self._prelude)(context.globalThis)
        if "Buffer" in codec.code:
            context.eval(self._buffer)
        try:
            if codec.mode == "wrapped":
                scope = context.eval("(function(){" + codec.code + f"\n;return {_found(codec.code)}}})")
            else:
                context.eval(codec.code)
                scope = context.eval("(function(){return " + _found(codec.code) + "})")
        except self.faults as error:
            raise Broken(fault(error)) from error
        step = setup(scope, codec.mode, codec.lenient, "exports" in codec.code or "module" in codec.code)
        context.set_time_limit(self.seconds)
        return Loaded(context, step)

    def prove(self) -> bool:
        """Whether a regular expression that would take years is cut: the package `quickjs` has the same name, and hangs."""
        context = self.context(PROOF_S)
        try:
            context.eval(PROOF)
        except self.faults as error:
            return "interrupted" in str(error)
        return False


def _found(code: str) -> str:
    """An object of the functions that the code defines, as JavaScript; all are asked for if none is named in it."""
    names = [name for name in NAMES if name in code] or list(NAMES)
    return "{" + ",".join(f'{name}:typeof {name}==="{NAMES[name]}"?{name}:undefined' for name in names) + "}"


def fault(error: object) -> str:
    """What the engine says first of an error at loading."""
    text = first_line(error)
    return "its top level does not come to an end" if "interrupted" in text else text


def first_line(error: object) -> str:
    """Without the stack trace, and short."""
    return str(error).partition("\n")[0][:300]
