"""Diverted records, offered to `raw` once more: with their correlation id and time of receipt, each once.

A record that is in `raw` already is left alone: the store knows what it has inserted, and what came since is looked
through. Two commands at the same moment could both send it.
"""

import hashlib
from collections.abc import Collection, Iterator, Sequence
from enum import StrEnum

import fsspec  # type: ignore[import-untyped]  # has no stubs
import msgspec
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from msgspec import Struct

from connectors.sinks.clickhouse.store import Store
from connectors.sources import door
from connectors.sources.base import Key
from connectors.sources.kafka_writer import REFUSED
from connectors.trace import places
from connectors.verify.core import Core
from streams import avro, kafka
from streams.commits import Commits
from streams.core.records import DeadLetter, Lineage, RawRecord
from streams.scan import ends_of
from streams.settings import KafkaSettings, Settings


class Fate(StrEnum):
    """What became of a letter."""

    SENT = "sent"
    THERE = "already in raw"
    TOO_LARGE = "still does not fit"
    LOST = "cannot be made again"


class Outcome(Struct, frozen=True):
    """The fate of one letter, and what there is to say about it."""

    letter: DeadLetter
    fate: Fate
    detail: str = ""


class Refused(Exception):
    """Kafka will not take the record as it is."""


class _Told(Struct, frozen=True):
    """The detail of a diverted record's letter (``connectors.sources.diversion``), or of a row's (``….spool_aside``)."""

    sha256: str
    transport: str = ""
    address: str = ""
    content_type: str = ""
    headers: dict[str, str] = {}
    connector: str = ""
    spool_row: int | None = None


def diverted(letter: DeadLetter) -> bool:
    """Whether the letter's body lies in the diversion store."""
    return letter.raw_partition < 0 and letter.body is not None


def resubmit(settings: Settings, core: Core, letters: Sequence[DeadLetter]) -> Iterator[Outcome]:
    """Offer each letter's record; an outcome for each, as soon as it is certain.

    Raises:
        Transient: the store is away, so that nobody knows which are in raw already.
        KafkaException: the log is away.
    """
    ids = [_id(letter) for letter in letters]
    there = _there(settings, core, set(ids))
    key = door.keys(settings)
    sender = _Sender(settings.kafka)
    for letter, identity in zip(letters, ids, strict=True):
        place = there.get(identity)
        if place is not None:
            yield Outcome(letter, Fate.THERE, f"raw {place.partition}:{place.offset}")
            continue
        outcome = _offered(letter, sender, key)
        if outcome.fate is Fate.SENT:
            there[identity] = Lineage(*sender.place)
        yield outcome


def record_of(letter: DeadLetter) -> RawRecord:
    """The record that was diverted, byte for byte, or that lay in a spool when another version ran.

    Raises:
        ValueError: letter or body is not what the diversion wrote, or the row holds no record of this version either.
        OSError: the file store does not give the body.
    """
    told = msgspec.json.decode(letter.detail, type=_Told)
    with fsspec.open(letter.body, "rb") as file:
        body: bytes = file.read()
    if hashlib.sha256(body).hexdigest() != told.sha256:
        raise ValueError(f"{letter.body} does not match the sha256 that the letter tells")
    if told.spool_row is not None:
        return avro.decode(body, RawRecord)
    return RawRecord(
        id=letter.correlation_id,
        source=letter.source,
        transport=told.transport,
        address=told.address,
        received_at=letter.at,
        content_type=told.content_type,
        headers=told.headers,
        connector=told.connector,
        payload=body,
    )


def _id(letter: DeadLetter) -> str:
    """The record's; who put a row aside could not read it."""
    try:
        return letter.correlation_id or record_of(letter).id
    except (ValueError, OSError):
        return ""


def _offered(letter: DeadLetter, sender: "_Sender", key: Key) -> Outcome:
    try:
        record = record_of(letter)
    except (ValueError, OSError) as error:
        return Outcome(letter, Fate.LOST, str(error))
    try:
        sender.send(key(record) or record.address, avro.encode(record))
    except Refused as error:
        return Outcome(letter, Fate.TOO_LARGE, str(error))
    return Outcome(letter, Fate.SENT, "raw {}:{}".format(*sender.place))


class _Sender:
    """Writes one record at a time to `raw`, durably. ``place``: partition and offset of the last one."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._topic, self._producer = kafka.topic(settings, "raw"), kafka.producer(settings)
        self._limit = settings.max_record_bytes
        self._error: KafkaError | None = None
        self.place = (-1, -1)

    def send(self, key: str, value: bytes) -> None:
        """Return when the record is durable.

        Raises:
            Refused: it does not fit.
            KafkaException: nothing is certain.
        """
        try:
            self._producer.produce(self._topic, value, key, on_delivery=self._report)
        except KafkaException as error:
            self._error = error.args[0]
        else:
            waiting = self._producer.flush(30)
            if waiting:
                self._producer.purge()
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "raw was not confirmed"))
        if self._error is None:
            return
        fault, self._error = self._error, None
        if fault.code() in REFUSED:
            raise Refused(f"{len(value):,} bytes, kafka.max_record_bytes is {self._limit:,}: {fault.str()}")
        raise KafkaException(fault)

    def _report(self, error: KafkaError | None, message: object) -> None:
        self._error = error
        if error is None:
            self.place = message.partition(), message.offset()  # type: ignore[attr-defined]  # a Message


def _there(settings: Settings, core: Core, ids: Collection[str]) -> dict[str, Lineage]:
    """Those of the ids that `raw` holds: as the store says, and in what it has not inserted yet."""
    store = Store(settings.clickhouse, "dead-letters")
    try:
        found = {identity: at[0] for identity in ids if (at := places.by_id_in_store(store, identity))}
    finally:
        store.close()
    for lineage, value in _not_stored(settings.kafka):
        identity = core.identity(value)
        if identity is not None and identity in ids:
            found.setdefault(identity, lineage)
    return found


def _not_stored(settings: KafkaSettings) -> Iterator[tuple[Lineage, bytes]]:
    """Records of raw that sink clickhouse-log has not committed."""
    topic, reader = kafka.topic(settings, "raw"), kafka.reader(settings)
    try:
        ends = ends_of(reader, topic)
        with Commits(settings) as commits:
            starts = dict.fromkeys(ends, 0) | commits.of("sink-clickhouse-log", "raw", ends)
        waiting = {partition for partition, end in ends.items() if starts[partition] < end}
        reader.assign([TopicPartition(topic, partition, starts[partition]) for partition in waiting])
        while waiting:
            for message in kafka.taken(reader, 1000, 0.1):
                partition, offset, error = message.partition() or 0, message.offset() or 0, message.error()
                if error is None and offset < ends[partition]:
                    yield Lineage(partition, offset), message.value() or b""
                elif not kafka.raise_on_error(error) or error is None or error.code() == KafkaError._PARTITION_EOF:
                    waiting.discard(partition)
    finally:
        reader.close()
