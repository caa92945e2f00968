"""How long a codec that does not come to an end is borne: it, or one device's payloads for it, is left alone for a while."""

import time
from collections.abc import Callable, Iterable

from msgspec import Struct

from streams.javascript.told import CRASHED, STUCK, Answer

TIMEOUT = "codec-timeout"
CODEC_LIMIT, DEVICE_LIMIT = 10, 3
"""calls in a row, of a codec and of one device, that may be cut"""
KILLED = 4
"""what a call counts that takes its process along; for its device it is enough"""
SUSPENDED_S = 60.0
REMEMBERED = 10_000


class _Strikes(Struct):
    """Calls cut in a row, and until when no more are made."""

    count: int = 0
    until: float = 0.0


class Patience:
    """Counts calls that were cut, by codec and by device. A good answer forgets them.

    After ``SUSPENDED_S`` one call is tried; when that is cut too, the time begins again.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._strikes: dict[tuple[str, str], _Strikes] = {}

    @property
    def has_strikes(self) -> bool:
        """Whether anything is remembered."""
        return bool(self._strikes)

    def left(self, codec: str) -> int:
        """Calls of the codec that may be cut until it is suspended; 0: it is."""
        return self._left((codec, ""), CODEC_LIMIT)

    def bears(self, codec: str, device: str) -> bool:
        """Whether a payload of this device is read at all."""
        return self._left((codec, device), DEVICE_LIMIT) > 0

    def note(self, codec: str, answers: Iterable[tuple[str, Answer]]) -> None:
        """What became of one call of each device."""
        for device, answer in answers:
            if answer in (STUCK, CRASHED):
                self._strike((codec, ""), KILLED)
                self._strike((codec, device), DEVICE_LIMIT)
            elif isinstance(answer, tuple) and answer[0] == TIMEOUT:
                self._strike((codec, ""), 1)
                self._strike((codec, device), 1)
            elif self._strikes:
                self._strikes.pop((codec, ""), None)
                self._strikes.pop((codec, device), None)

    def _left(self, key: tuple[str, str], limit: int) -> int:
        strikes = self._strikes.get(key)
        if strikes is None or strikes.count < limit:
            return limit - (strikes.count if strikes else 0)
        return 1 if self._clock() >= strikes.until else 0

    def _strike(self, key: tuple[str, str], number: int) -> None:
        strikes = self._strikes.setdefault(key, _Strikes())
        strikes.count += number
        strikes.until = self._clock() + SUSPENDED_S
        while len(self._strikes) > REMEMBERED:
            del self._strikes[next(iter(self._strikes))]
