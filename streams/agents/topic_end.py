"""The end of a registry topic at this moment, asked of Kafka: a view alone cannot say what has been written and not read."""

import asyncio

from confluent_kafka import KafkaException, TopicPartition

from streams import kafka
from streams.settings import KafkaSettings

ANSWER_S = 5.0


class TopicEnd:
    """Asks with a client of its own; who asks while a question is under way shares the next one with all who do.

    An answer to a question from before might be too old, so nobody gets it who came later.
    """

    def __init__(self, settings: KafkaSettings, name: str) -> None:
        self._settings, self._reader = settings, kafka.consumer(settings, None)
        self._place = TopicPartition(kafka.topic(settings, name), 0)
        self._asked: asyncio.Future[int] | None = None
        self._next: asyncio.Future[int] | None = None

    async def now(self) -> int:
        """The offset after everything that had been committed when this was called, markers of transactions included.

        Raises:
            KafkaException: Kafka is away.
        """
        if self._next is None:
            self._next = asyncio.ensure_future(self._after(self._asked))
        return await asyncio.shield(self._next)

    async def _after(self, earlier: "asyncio.Future[int] | None") -> int:
        if earlier is not None:
            await asyncio.wait([earlier])
        self._asked, self._next = self._next, None
        return await asyncio.get_running_loop().run_in_executor(None, self._ask)

    def _ask(self) -> int:
        try:
            end: int = kafka.watermarks(self._reader, self._place, ANSWER_S)[1]
        except KafkaException:
            # This client may have lost Kafka for good (librdkafka, issue 5301): the next question is asked with another.
            kafka.let_go(self._reader)
            self._reader = kafka.consumer(self._settings, None)
            raise
        return end
