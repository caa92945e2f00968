"""Whether a connector's clock goes as Kafka's, by the answers to what it writes.

Receipt is by the connector's clock. One that is ahead is put right when records are decoded (`streams.core.receipt`), one
that is behind is not: Kafka may have got the record late. Then right times are refused as lying in the future, so a
person has to know.
"""

import math

from streams import log

PERIOD_S = 10.0
FAR_S = 5.0

logger = log.get(__name__)


class KafkaClock:
    """The least difference that an answer showed in each period: what is more is the answer's own way."""

    def __init__(self) -> None:
        self.ahead_s = math.nan
        """of the last period; negative: behind"""
        self._least, self._due = math.inf, -math.inf
        self._far = False

    def answered(self, appended_ms: int, wall_s: float, monotonic_s: float) -> None:
        """A record is in Kafka, which gave it the time ``appended_ms``; now it is ``wall_s`` by our clock."""
        self._least = min(self._least, wall_s - appended_ms / 1000)
        if monotonic_s >= self._due:
            self._show(self._least)
            self._least, self._due = math.inf, monotonic_s + PERIOD_S

    def _show(self, ahead_s: float) -> None:
        self.ahead_s = ahead_s
        far = abs(ahead_s) > FAR_S
        if far and not self._far:
            logger.warning("clock-differs", ahead_s=round(ahead_s, 1), consequence="set it: receipts are by this clock")
        elif self._far and not far:
            logger.info("clock-agrees", ahead_s=round(ahead_s, 1))
        self._far = far
