"""The thread that fetches, for ``delivery``: how much it unpacks at once, and how long Kafka may hold a question."""

from collections import defaultdict
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from faust.transport.consumer import RecordMap
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Transport
from faust.types import TP

BATCH_BYTES = 4_000_000
"""Of values. Kafka bounds what it gives at once by compressed bytes (1 MB a partition), of which lz4 makes 255 MB: one batch
of it takes gigabytes and minutes, until the process is ended, and then again. 2000 usual uplinks have 2.6 MB."""
STEP = 16
"""records that are unpacked before their bytes are counted: to ask for each costs a tenth of decoding it"""
WAIT_MS = 250
"""Kafka answers a connection's questions in turn, so what is asked behind a fetch waits as long; stock says 1.5 s, and an
agent that starts asks twice."""


class ConsumerThread(AIOKafkaConsumerThread):
    """Unpacks ``BATCH_BYTES`` and little more; lets Kafka hold a fetch of nothing for ``WAIT_MS``, which no setting says."""

    def _create_worker_consumer(self, transport: Transport) -> AIOKafkaConsumer:
        made = super()._create_worker_consumer(transport)
        made._fetch_max_wait_ms = WAIT_MS
        return made

    async def _fetch_records(
        self,
        consumer: AIOKafkaConsumer,
        active_partitions: set[TP],
        timeout: float | None = None,  # noqa: ASYNC109  # Faust's
        max_records: int | None = None,
    ) -> RecordMap:
        """Stock unpacks ``max_records`` however large they are. What is not taken stays fetched, and compressed."""
        found: defaultdict[TP, list[Any]] = defaultdict(list)
        left, size = max_records or STEP, 0
        while left > 0 and size < BATCH_BYTES:
            step = super()._fetch_records(consumer, active_partitions, 0 if found else timeout, min(STEP, left))
            some = await _after_some(step) if found else await step
            if not some:
                break
            for tp, records in some.items():
                found[tp] += records
                left, size = left - len(records), size + sum(len(record.value or b"") for record in records)
        return found


async def _after_some(step: Any) -> RecordMap:
    """Nothing when it fails: what has been taken is not fetched again, the fault comes with the next question."""
    try:
        found: RecordMap = await step
    except KafkaError:
        return {}
    return found
