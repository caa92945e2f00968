"""Views that hold all that has been written by now, before a record is decoded with what they say."""

import time
from typing import Any

from confluent_kafka import KafkaException

from streams import progress
from streams.agents.batch import Batch
from streams.agents.topic_end import TopicEnd
from streams.settings import KafkaSettings
from streams.view import CompactedView

SOON_S, AWAY_S = 0.02, 0.5
DOUBT_S = 5.0
"""A view that Kafka is ahead of for so long has lost it (librdkafka, issue 5301)."""


class UpToDate:
    """A view, and the end of its topic as Kafka tells it."""

    def __init__(self, settings: KafkaSettings, view: CompactedView[Any]) -> None:
        self._view, self._end = view, TopicEnd(settings, view.name)

    async def reached(self, batch: Batch) -> bool:
        """Whether the view holds all that had been committed when this was called; if not, some time has passed."""
        try:
            end = await self._end.now()
        except KafkaException as away:
            progress.HERE.waits(str(away.args[0]))
            await batch.pause(AWAY_S)
            return False
        return await catch_up(self._view, end, batch)


async def catch_up(view: CompactedView[Any], end: int, batch: Batch) -> bool:
    """Wait until the view holds all before offset ``end``; False when the batch was abandoned meanwhile."""
    doubted = time.monotonic() + DOUBT_S
    while view.reached < end and not batch.abandoned:
        if time.monotonic() > doubted:
            view.renew()
            doubted += DOUBT_S
        await batch.pause(SOON_S)
    return not batch.abandoned
