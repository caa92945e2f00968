"""One structured log line per reading: to see what flows, and to have the smallest sink as an example."""

from collections.abc import Sequence

from connectors.sinks.base import Record, Rejection
from streams import avro, log
from streams.core.block import count
from streams.core.records import Reading
from streams.settings import Settings

logger = log.get(__name__)


def make(_: Settings) -> "LogSink":
    """The sink."""
    return LogSink()


class LogSink:
    """Logs readings; a repeated reading is logged once."""

    name = "log"
    topics: tuple[str, ...] = ("readings",)
    batch_records = 1_000
    batch_s = 0.2
    once_by_lineage = True

    def write(self, batch: Sequence[Record]) -> list[Rejection]:
        """Log every reading of the batch."""
        rejections = []
        for index, record in enumerate(batch):
            try:
                _log(avro.decode(record.value or b"", Reading))
            except avro.AvroError as error:
                rejections.append(Rejection(index, error.reason, error.detail))
        return rejections

    def close(self) -> None:
        """There is nothing to let go of."""


def _log(reading: Reading) -> None:
    logger.info(
        "reading",
        device=reading.device,
        correlation_id=reading.correlation_id,
        time=reading.time,
        values={m.name: m.text if m.value is None else m.value for m in reading.measurements},
        blocks={block.name: count(block) for block in reading.blocks},
        logical_uids=sorted(_logical_uids(reading)),
    )


def _logical_uids(reading: Reading) -> set[int]:
    uids = [*(m.logical_uid for m in reading.measurements), *(block.logical_uid for block in reading.blocks)]
    return {uid for uid in uids if uid is not None}
