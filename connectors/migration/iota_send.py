"""Raw records of an import into `raw`: durable, in order, each once however often the import is run or killed.

How far it is stands in topic `cursors`, beside the data, not on the disk of whoever ran it: the highest uid up to which
everything is in `raw`, written when all of a stretch is confirmed, and where `raw` ended then. What came after that and
before a kill is found by its id.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice

from confluent_kafka import TopicPartition
from msgspec import Struct

from connectors.migration.iota_messages import CONNECTOR, Origins, record_of
from connectors.migration.iota_report import RawReport
from connectors.migration.iota_tables import Row
from connectors.migration.iota_values import Unfit
from connectors.migration.iota_values import time as time_of
from connectors.sources import door
from connectors.sources.kafka_writer import KafkaWriter
from streams import avro, kafka, pipeline, scan
from streams.core.cursor_record import Cursor
from streams.core.message import Decoder, Rejected
from streams.core.records import RawRecord
from streams.replay.throttle import Bucket
from streams.settings import KafkaSettings, Settings

STRETCH = 10_000
"""records between two savings of how far it is"""
MEGABYTES = 256
UID, DONE, LAST = "uid", "done", "last message"


class Wanted(Struct, frozen=True):
    """Which messages: ``received_at`` from, inclusive, and until, exclusive, in ns."""

    since: int | None = None
    until: int | None = None

    def __contains__(self, received: object) -> bool:
        early = self.since is not None and isinstance(received, int) and received < self.since
        return not early and not (self.until is not None and isinstance(received, int) and received >= self.until)


class Progress:
    """How far an import is: in topic `cursors`, under its name."""

    def __init__(self, settings: KafkaSettings, name: str, wanted: Wanted) -> None:
        self._settings = settings
        span = f":{wanted.since or ''}..{wanted.until or ''}" if wanted != Wanted() else ""
        self._id = f"import:iota:{name}{span}"
        self.cursor = scan.table(settings, "cursors", Cursor).get(self._id.encode()) or Cursor(id=self._id)

    @property
    def uid(self) -> int:
        """Up to here everything is in `raw`."""
        return self.cursor.times.get(UID, 0)

    def is_of(self, rows: Iterator[Row], origins: Origins) -> bool:
        """Whether these rows, from the message on that it ended with, are of this IoTa.

        Where that message was deleted since, later ones are taken for it.
        """
        last, row = self.cursor.digests.get(LAST), next(rows, None)
        if not last or row is None:
            return not last
        return int(row["uid"] or 0) != self.uid or record_of(row, origins).id == last

    def save(self, uid: int, last: str = "", *, done: bool = False) -> None:
        """Call when everything up to it is durable; ``last``: the id of the message with this uid, if it was sent."""
        reader = kafka.consumer(self._settings, None)
        try:
            ends = scan.ends_of(reader, kafka.topic(self._settings, "raw"))
        finally:
            reader.close()
        times = {UID: uid, DONE: int(done)} | {f"raw-{partition}": end for partition, end in ends.items()}
        self.cursor = Cursor(id=self._id, digests={LAST: last}, times=times, at=time.time_ns())
        producer = kafka.BatchProducer(self._settings)
        producer.send("cursors", self._id, avro.encode(self.cursor))
        producer.flush()

    def finish(self) -> None:
        """All is sent: the next run need not look for what an interrupted one left."""
        self.save(self.uid, self.cursor.digests.get(LAST, ""), done=True)

    def sent_since(self) -> set[str]:
        """Ids of what a run that was interrupted has sent since it last saved; the first run saves where it begins."""
        if not self.cursor.times:
            self.save(0)
        return set() if self.cursor.times.get(DONE) else set(_ids(self._settings, self.cursor.times))


def records(
    rows: Iterable[Row], origins: Origins, wanted: Wanted, report: RawReport
) -> Iterator[tuple[int, RawRecord | None]]:
    """Each row's uid, and its record; None where there is nothing to send."""
    for row in rows:
        uid = int(row["uid"] or 0)
        report.read += 1
        try:
            if time_of(row["ts"]) not in wanted:
                report.outside += 1
                yield uid, None
                continue
            record = record_of(row, origins)
        except Unfit as fault:
            report.skipped[str(fault)] += 1
            yield uid, None
            continue
        report.sources[record.source] += 1
        report.reordered += record.source == "ydoc" and b'"$msg"' in record.payload
        yield uid, record


class Judge:
    """Says of each record what our decoders will not read, so that nobody has to look for it later."""

    def __init__(self, settings: Settings, report: RawReport) -> None:
        self._decoders, self._report = pipeline.decoders(settings.decode), report

    def judge(self, record: RawRecord) -> None:
        """Count its parts that will be dead letters."""
        decoder: Decoder | None = self._decoders.get(record.source)
        if decoder is None:
            self._report.letters[f"{record.source}: unknown-source"] += 1
            return
        for part in decoder.open(record):
            if isinstance(part, Rejected):
                self._report.letters[f"{record.source}: {part.stage}/{part.reason}"] += 1


async def send(
    settings: Settings,
    every: Iterator[tuple[int, RawRecord | None]],
    progress: Progress,
    rate: float,
    report: RawReport,
    told: Callable[[int], None],
) -> None:
    """Send all of them, at ``rate`` a second at most (0: as fast as Kafka takes them).

    Raises:
        KafkaException, Undelivered: Kafka is away; run it again.
    """
    there = await asyncio.to_thread(progress.sent_since)
    writer = door.kafka_writer(settings, records=STRETCH, megabytes=MEGABYTES)
    bucket, judge = Bucket(rate), Judge(settings, report)
    try:
        while stretch := list(islice(every, STRETCH)):
            new = [record for _, record in stretch if record is not None and record.id not in there]
            report.there += sum(record is not None and record.id in there for _, record in stretch)
            for record in new:
                judge.judge(record)
            await _send(writer, new, bucket)
            uid, last = stretch[-1]
            await asyncio.to_thread(progress.save, uid, last.id if last else "")
            report.sent += len(new)
            told(report.read)
        await asyncio.to_thread(progress.finish)
    finally:
        await writer.close()


async def _send(writer: KafkaWriter, new: Sequence[RawRecord], bucket: Bucket) -> None:
    left, confirmed = len(new), asyncio.Event()

    def done() -> None:
        nonlocal left
        left -= 1
        if not left:
            confirmed.set()

    for number, record in enumerate(new):
        writer.submit(record, done)
        if number % 100 == 0:
            await asyncio.sleep(bucket.wait(100, time.monotonic()))
    if new:
        await confirmed.wait()


def _ids(settings: KafkaSettings, starts: dict[str, int]) -> Iterator[str]:
    """Ids of what imports have written to `raw` since."""
    topic = kafka.topic(settings, "raw")
    reader = kafka.reader(settings, **{"isolation.level": "read_committed"})
    try:
        ends = scan.ends_of(reader, topic)
        reader.assign([TopicPartition(topic, p, starts.get(f"raw-{p}", 0)) for p in ends])
        for message in scan.until(reader, ends, timeout_s=30):
            with suppress(avro.AvroError):  # whatever else stands in raw
                record = avro.decode(message.value() or b"", RawRecord)
                if record.connector == CONNECTOR:
                    yield record.id
    finally:
        reader.close()
