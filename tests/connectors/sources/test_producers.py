"""The producers behind a writer: one that is over is replaced at once, and one that was replaced is freed."""

import asyncio
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from connectors.sources import kafka_writer
from connectors.sources.diversion import Diversion
from connectors.sources.kafka_clock import KafkaClock
from connectors.sources.kafka_line import Line, Reports
from connectors.sources.kafka_writer import KafkaWriter
from streams.settings import DiversionSettings, KafkaSettings
from tests.contracts.raw_writer import record

NOWHERE = KafkaSettings(bootstrap_servers="127.0.0.1:1")
FATAL = KafkaError(KafkaError._FATAL)
"""As delivery reports and ``produce`` bring it: with the code alone, not marked as fatal."""


class Lines:
    """Makes lines without Kafka: the first is over, later ones confirm."""

    def __init__(self, *, raises: bool) -> None:
        self.raises, self.made = raises, 0

    def __call__(self, _settings: Any, _clock: Any, reported: Callable[[Any, Reports], None]) -> "Lines.One":
        self.made += 1
        return Lines.One(self, reported, over=self.made == 1)

    class One:
        def __init__(self, lines: "Lines", reported: Callable[[Any, Reports], None], *, over: bool) -> None:
            self._lines, self._reported, self._over = lines, reported, over

        def send(self, token: int, *_what: Any) -> None:
            if self._over and self._lines.raises:
                raise KafkaException(FATAL)
            report = (token, FATAL if self._over else None)
            asyncio.get_running_loop().call_soon(self._reported, self, [report])

        def retire(self) -> None:
            """Nothing is queued."""

        async def close(self) -> None:
            """There is no thread."""


@pytest.mark.parametrize("raises", [True, False], ids=["produce", "report"])
def test_a_producer_that_is_over_is_replaced_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, raises: bool
) -> None:
    lines = Lines(raises=raises)
    monkeypatch.setattr(kafka_writer, "Line", lines)
    monkeypatch.setattr(kafka_writer, "RETRY_S", 0.01)

    async def scenario() -> None:
        diversion = Diversion(DiversionSettings(url=str(tmp_path)))
        writer = KafkaWriter(NOWHERE, diversion, lambda _: None, confirm_s=2)
        await writer.write(record(b"1"))
        await writer.close()

    asyncio.run(scenario())
    assert lines.made == 2


def test_a_line_that_was_retired_is_freed_and_reports_no_failure() -> None:
    async def scenario() -> Reports:
        reported: Reports = []
        line = Line(NOWHERE, KafkaClock(), lambda _line, reports: reported.extend(reports))
        for token in range(100):
            line.send(token, "raw", "key", b"value")
        line.retire()
        freed = weakref.ref(line)
        del line
        async with asyncio.timeout(60):
            while freed() is not None:  # noqa: ASYNC110 - a test may ask again and again
                await asyncio.sleep(0.01)
        return reported

    assert asyncio.run(scenario()) == []
