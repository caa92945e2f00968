"""One producer and the thread that polls it: delivery reports reach the event loop with one call per poll."""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from threading import Thread
from typing import Any

from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, Consumer, KafkaError, KafkaException, Message, Producer

from connectors.sources.kafka_clock import KafkaClock
from streams import kafka
from streams.settings import KafkaSettings

Reports = list[tuple[int, KafkaError | None]]

POLL_S = 0.1
ANSWER_S = 5.0
RETIRED_S = 10.0
"""A producer is never freed while it has reports to give; so long it is asked for them after its end."""
SILENT = logging.getLogger("librdkafka")
SILENT.setLevel(logging.CRITICAL)  # the writer says in its own words that Kafka is away; librdkafka would repeat it


class Line:
    """Sends values under tokens; ``reported(line, reports)`` is called on the loop with what became of them.

    Raises on ``send`` whatever the producer raises: ``BufferError`` when its queue is full, ``KafkaException``.
    """

    def __init__(self, settings: KafkaSettings, clock: KafkaClock, reported: "Callable[[Line, Reports], None]") -> None:
        self._loop = asyncio.get_running_loop()
        self._reported, self._reports, self._open = reported, Reports(), True
        self._settings, self._clock = settings, clock
        self.producer: Producer = kafka.producer(settings, linger_ms=1, logger=SILENT)
        self._thread = Thread(target=self._poll, name="kafka-reports", daemon=True)
        self._thread.start()

    def send(self, token: int, topic: str, key: str, value: bytes) -> None:
        """Hand a value to the producer; its report carries ``token``."""
        self.producer.produce(
            kafka.topic(self._settings, topic), value, key.encode(), on_delivery=partial(self._report, token)
        )

    def fault(self, topic: str) -> str | None:
        """What keeps this producer from sending records of ``topic``; blocks for up to a second."""
        name = kafka.topic(self._settings, topic)
        try:
            found = _described(self.producer, name, 1)
        except KafkaException as error:
            return f"Kafka at {self._settings.bootstrap_servers}: {error.args[0].str()}"
        return f"topic {name}: {found.error.str()}" if found.error else None

    def retire(self) -> None:
        """Give up what is queued (its sender sends it elsewhere) and end the thread, without waiting for it.

        From now on only confirmations are reported.
        """
        self._open = False
        self.producer.purge(blocking=False)

    async def close(self) -> None:
        """End the thread."""
        self.retire()
        await asyncio.to_thread(self._thread.join, 5)

    def _report(self, token: int, error: KafkaError | None, message: Message) -> None:
        self._reports.append((token, error))
        kind, appended_ms = message.timestamp()
        if error is None and kind == TIMESTAMP_LOG_APPEND_TIME:
            self._clock.answered(appended_ms, time.time(), time.monotonic())

    def _poll(self) -> None:
        while self._open:
            self._poll_once()
        deadline = time.monotonic() + RETIRED_S
        while len(self.producer) and time.monotonic() < deadline:
            self._poll_once()

    def _poll_once(self) -> None:
        self.producer.poll(POLL_S)
        reports, self._reports = self._reports, []
        wanted = reports if self._open else [report for report in reports if report[1] is None]
        if wanted:
            self._hand_over(wanted)

    def _hand_over(self, reports: Reports) -> None:
        try:
            self._loop.call_soon_threadsafe(self._reported, self, reports)
        except RuntimeError:  # the loop is closed: nobody is left who could acknowledge
            self._open = False


def answers(settings: KafkaSettings, topic: str) -> bool:
    """Whether Kafka has all of ``topic``; blocks for up to five seconds.

    Asked by a client made for the question: a producer that has lost Kafka for good (librdkafka, issue 5301) is no witness.
    """
    with suppress(KafkaException):
        asking = kafka.consumer(settings, None)
        try:
            found = _described(asking, kafka.topic(settings, topic), ANSWER_S)
            return not found.error and not any(partition.error for partition in found.partitions.values())
        finally:
            kafka.let_go(asking)
    return False


def _described(client: Consumer | Producer, name: str, within_s: float) -> Any:
    return client.list_topics(name, timeout=within_s).topics[name]
