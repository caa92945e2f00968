"""How fast a replay may go: a budget of records per second, and a brake that live data pulls. Pure: times are arguments."""

from collections.abc import Mapping

BURST_S = 1.0
"""of unused budget is kept"""


class Bucket:
    """A token bucket that may go into debt: records are taken first, then waited for. ``rate`` is records/s, 0: no limit."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._paid_until: float | None = None

    def wait(self, count: int, now: float) -> float:
        """``count`` records are taken at ``now`` (seconds of a monotonic clock): how many seconds to sleep before more."""
        if not self._rate:
            return 0.0
        paid = now - BURST_S if self._paid_until is None else max(self._paid_until, now - BURST_S)
        self._paid_until = paid + count / self._rate
        return max(0.0, self._paid_until - now)


class Brake:
    """Pauses when live data lags or the store is slow, until both are well again: a pause ends later than it began."""

    def __init__(self, pause_lag: int, resume_lag: int, pause_insert_s: float) -> None:
        self._pause_lag, self._resume_lag, self._pause_insert_s = pause_lag, resume_lag, pause_insert_s
        self._lagging: set[tuple[str, str]] = set()
        self._slow = False

    def paused(self, lag: Mapping[tuple[str, str], int], insert_s: float) -> str:
        """Why to wait now; "" to go on.

        ``lag`` is (group, topic) -> records, as ``streams.lag.LagMeter.measure`` gives it; a group pauses above
        ``pause_lag`` and lets go at ``resume_lag``. ``insert_s`` is how long the store's last insert took, 0.0 when there
        was none lately; it pauses above ``pause_insert_s`` and lets go at half of that.
        """
        self._lagging = {key for key, records in lag.items() if records > self._bound(key)}
        self._slow = insert_s > (self._pause_insert_s / 2 if self._slow else self._pause_insert_s)
        if self._lagging:
            worst = max(sorted(self._lagging), key=lag.__getitem__)
            return f"live lag of {worst[0]} is {lag[worst]:,} records"
        return f"an insert into the store took {insert_s:.1f} s" if self._slow else ""

    def _bound(self, key: tuple[str, str]) -> int:
        return self._resume_lag if key in self._lagging else self._pause_lag
