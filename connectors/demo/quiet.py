"""Wait until nothing is left to do."""

import time
from collections.abc import Callable
from pathlib import Path

from clickhouse_connect.driver.exceptions import Error as ClickHouseError
from confluent_kafka import KafkaException

from connectors.verify.files import Since
from connectors.verify.report import Report, check
from streams.lag import Lag, LagMeter
from streams.settings import Settings

POLL_S = 0.5
ANEW_S = 5.0
"""then what is expected is worked out anew, too: points may have been placed anew by a replay meanwhile"""


class Restless(Exception):
    """Something was still to do when patience ended; the message says what."""


def wait_for_zero_lag(
    settings: Settings, groups: set[str], patience_s: float, progress: Callable[[int], None] = lambda _: None
) -> None:
    """Return when every group has committed all of its topics; ``progress`` gets the records that are left.

    Raises:
        Restless: with the lags that remained.
    """
    deadline, meter = time.monotonic() + patience_s, LagMeter(settings.kafka)
    while left := _left(meter, groups):
        progress(sum(left.values()))
        if time.monotonic() > deadline:
            raise Restless(f"still behind after {patience_s:.0f} s: {left}")
        time.sleep(POLL_S)
    meter.close()
    progress(0)


def settled(settings: Settings, ledgers: list[Path], patience_s: float, since: Since | None = None) -> Report:
    """The check, with patience; ``since``: of files too, as in ``files.compare``.

    Windows are emitted and repaired in seconds after the last point; a server that has just come back may not answer yet.
    """
    deadline = time.monotonic() + patience_s
    while True:
        left = max(0, deadline - time.monotonic())
        try:
            report = check(settings, ledgers, wait_s=min(left, ANEW_S), with_files=since is not None, since=since)
        except (KafkaException, ClickHouseError, TimeoutError):
            if not left:
                raise
        else:
            if not left or not report.faults:
                return report
        time.sleep(POLL_S)


def _left(meter: LagMeter, groups: set[str]) -> Lag:
    try:
        found = meter.measure(groups)
    except KafkaException:
        return {("kafka", "does not answer"): 1}
    return {key: records for key, records in found.items() if records}
