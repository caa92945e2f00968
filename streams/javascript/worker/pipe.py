"""The worker's end of the pipes: two lengths, a header in JSON, a body."""

import json
import os
import struct
from typing import Any

LENGTHS = struct.Struct(">II")


class Pipe:
    """Requests in, answers out; whatever else is printed goes nowhere."""

    def __init__(self) -> None:
        self._in, self._out = os.dup(0), os.dup(1)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
        os.close(nowhere)

    def receive(self) -> tuple[dict[str, Any], bytes]:
        """The next request.

        Raises:
            EOFError: whoever asked is gone.
        """
        lengths = LENGTHS.unpack(self._read(LENGTHS.size))
        header, calls = (self._read(length) for length in lengths)
        return json.loads(header), calls

    def send(self, header: dict[str, Any], answers: str) -> None:
        """One group of answers."""
        head, body = json.dumps(header).encode(), answers.encode("utf-8", "replace")
        left = memoryview(LENGTHS.pack(len(head), len(body)) + head + body)
        while left:
            left = left[os.write(self._out, left) :]

    def _read(self, length: int) -> bytes:
        parts = []
        while length:
            part = os.read(self._in, min(length, 1 << 20))
            if not part:
                raise EOFError
            parts.append(part)
            length -= len(part)
        return b"".join(parts)
