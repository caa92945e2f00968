"""Whether an asyncio loop still answers: asked from the watchdog's thread, one question at a time."""

import asyncio
from contextlib import suppress

from streams.progress import Work


class Pulse:
    """Of one loop; a closed one does not answer, and its process should be gone soon."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop, self._asked, self._answered = loop, 0, 0

    def look(self) -> Work:
        """Work is left while a question of an earlier look has not been answered."""
        answered = self._answered
        if self._asked > answered:
            return Work(answered, left=True)
        self._asked += 1
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._answer)
        return Work(answered, left=False)

    def _answer(self) -> None:
        self._answered += 1
