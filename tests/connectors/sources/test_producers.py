"""The producers behind a writer: one that is over is replaced at once, one that is stuck soon; who was replaced is freed."""

import asyncio
import weakref
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from connectors.sources import kafka_line, kafka_writer
from connectors.sources.diversion import Diversion
from connectors.sources.kafka_clock import KafkaClock
from connectors.sources.kafka_line import Line, Reports
from connectors.sources.kafka_writer import KafkaWriter, Limits
from streams import kafka
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
        diversion = Diversion(DiversionSettings(url=str(tmp_path)), tmp_path)
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


class Stuck:
    """Makes lines without Kafka: the first has lost it, and says so whenever it is asked; later ones confirm."""

    def __init__(self, *, finds_it: Callable[[], bool] = lambda: False) -> None:
        self.lines: list[Stuck.One] = []
        self.finds_it = finds_it

    def __call__(self, _settings: Any, _clock: Any, reported: Callable[[Any, Reports], None]) -> "Stuck.One":
        self.lines.append(Stuck.One(reported, self.finds_it if not self.lines else lambda: True))
        return self.lines[-1]

    class One:
        def __init__(self, reported: Callable[[Any, Reports], None], finds_it: Callable[[], bool]) -> None:
            self._reported, self._finds_it = reported, finds_it

        def send(self, token: int, *what: Any) -> None:
            loop = asyncio.get_running_loop()
            if self._finds_it():
                reports: Reports = [(token, None)]
                loop.call_soon(self._reported, self, reports)
            else:
                loop.call_later(0.01, self.send, token, *what)

        def fault(self, _topic: str) -> str:
            return "no answer"

        def retire(self) -> None:
            self._finds_it = lambda: False

        async def close(self) -> None:
            """There is no thread."""


class Asked:
    """Kafka, as a client finds it that is made for one question: away, without the leader of a partition, or there."""

    def __init__(self) -> None:
        self.asked, self.gone = 0, list[Asked]()
        self.away, self.leaderless = False, False

    def __call__(self, *_settings: Any) -> "Asked":
        return self

    def list_topics(self, name: str, *, timeout: float) -> Any:
        assert timeout > 0
        self.asked += 1
        if self.away:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))
        error = KafkaError(KafkaError.LEADER_NOT_AVAILABLE) if self.leaderless else None
        partition = SimpleNamespace(error=error)
        return SimpleNamespace(topics={name: SimpleNamespace(error=None, partitions={0: partition})})


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    made = Asked()
    monkeypatch.setattr(kafka, "consumer", made)
    monkeypatch.setattr(kafka, "let_go", made.gone.append)
    for name, value in {"STUCK_S": 0.05, "AWAY_S": 0.1, "LOOK_S": 0.05}.items():
        monkeypatch.setattr(kafka_writer, name, value)
    return made


def writing(stuck: Stuck, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, until: Callable[[], bool]) -> int:
    """Lines made until then, with one record under way; what is left of it is confirmed before the end."""

    async def scenario() -> int:
        monkeypatch.setattr(kafka_writer, "Line", stuck)
        diversion = Diversion(DiversionSettings(url=str(tmp_path)), tmp_path)
        writer = KafkaWriter(NOWHERE, diversion, lambda _: None, confirm_s=0)
        writer.submit(record(b"1"), lambda: None)
        async with asyncio.timeout(10):
            while not until() and writer.pending:  # noqa: ASYNC110 - a test may ask again and again
                await asyncio.sleep(0.01)
        made = len(stuck.lines)
        await writer.close()
        return made

    return asyncio.run(scenario())


def test_a_producer_that_has_lost_a_kafka_that_answers_others_is_replaced(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, asked: Asked
) -> None:
    assert writing(Stuck(), monkeypatch, tmp_path, lambda: False) == 2
    assert asked.asked >= 2


@pytest.mark.parametrize("what", ["away", "leaderless"])
def test_no_producer_is_replaced_while_kafka_is_away(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, asked: Asked, what: str
) -> None:
    setattr(asked, what, True)

    assert writing(Stuck(), monkeypatch, tmp_path, lambda: len(asked.gone) >= 5) == 1


def test_a_producer_may_find_a_kafka_that_is_back(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, asked: Asked
) -> None:
    assert writing(Stuck(finds_it=lambda: asked.asked > 0), monkeypatch, tmp_path, lambda: False) == 1
    assert asked.asked == 1


@pytest.mark.parametrize(
    ("payload", "headers", "fits"),
    [(900, 0, True), (900, 200, False), (0, 1_100, False), (1_100, 0, False)],
    ids=["little", "together", "headers", "payload"],
)
def test_what_the_process_may_hold_is_counted_with_headers(
    asked: Asked, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, payload: int, headers: int, fits: bool
) -> None:
    """Else a sender with 40 headers of 2 kB each, and little to say, would fill the memory while Kafka is away."""
    monkeypatch.setattr(kafka_writer, "Line", Stuck(finds_it=lambda: bool(asked.asked)))

    async def scenario() -> None:
        diversion = Diversion(DiversionSettings(url=str(tmp_path)), tmp_path)
        writer = KafkaWriter(NOWHERE, diversion, lambda _: None, limits=Limits(bytes=1_000), confirm_s=2)
        writer.submit(record(bytes(payload), **{"user:unit": "m" * headers}), lambda: None)
        assert writer.has_room() == fits
        while writer.pending:  # noqa: ASYNC110 - a test may ask again and again
            await asyncio.sleep(0.01)
        assert writer.has_room()
        await writer.close()

    asyncio.run(scenario())


def test_every_client_that_was_made_for_a_question_is_let_go(asked: Asked) -> None:
    assert kafka_line.answers(NOWHERE, "raw")
    asked.away = True
    assert not kafka_line.answers(NOWHERE, "raw")
    assert len(asked.gone) == 2


def test_whether_kafka_answers_is_asked_of_kafka(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_line, "ANSWER_S", 0.1)

    assert not kafka_line.answers(NOWHERE, "raw")
