"""Whether a connector's clock goes as Kafka's, by the answers to what it writes.

Receipt is by the connector's clock. One that is ahead is put right when records are decoded (`streams.core.receipt`), one
that is behind is not: Kafka may have got the record late. Then right times are refused as lying in the future, so a
person has to know.
"""

import math

from streams import log

PERIOD_S = 10.0
SILENT_S = 60.0
FAR_S = 5.0

logger = log.get(__name__)


class KafkaClock:
    """The least difference that an answer showed in a period: what is more is the answer's own way.

    Answers are told by one thread, asked is by any.
    """

    def __init__(self) -> None:
        self._since = self._heard = -math.inf
        self._before = self._least = math.inf
        self._far = False

    def answered(self, appended_ms: int, wall_s: float, monotonic_s: float) -> None:
        """A record is in Kafka, which gave it the time ``appended_ms``; now it is ``wall_s`` by our clock."""
        difference = wall_s - appended_ms / 1000
        if monotonic_s - self._since < PERIOD_S:
            self._least = min(self._least, difference)
        else:
            self._begin(difference, monotonic_s)
        self._heard = monotonic_s

    def ahead_s(self, monotonic_s: float) -> float:
        """How far our clock is ahead; negative: behind; not a number when nothing was written for a minute."""
        return min(self._before, self._least) if monotonic_s - self._heard < SILENT_S else math.nan

    def _begin(self, difference: float, monotonic_s: float) -> None:
        """A period that is long past says nothing of now."""
        self._before = self._least if monotonic_s - self._since < 2 * PERIOD_S else math.inf
        self._since, self._least = monotonic_s, difference
        if self._before < math.inf:
            self._tell(self._before)

    def _tell(self, ahead_s: float) -> None:
        far = abs(ahead_s) > FAR_S
        if far and not self._far:
            logger.warning("clock-differs", ahead_s=round(ahead_s, 1), consequence="set it: receipts are by this clock")
        elif self._far and not far:
            logger.info("clock-agrees", ahead_s=round(ahead_s, 1))
        self._far = far
