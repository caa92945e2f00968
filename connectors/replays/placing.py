"""Places points anew after mapping changes, so that a change that races with data, or starts in the past, ends right.

The place in topic `device-mapping` up to which this has been done is a committed offset. A device is looked at when its
change is some seconds old and all that a decode worker may have begun before has reached the store; usually nothing is
misplaced. What could not be placed is put off, and not done: the place stays uncommitted. After an undo, devices whose
mapping changed since are looked at again: it gave points their old places.
"""

import time
from collections.abc import Callable, Mapping, Sequence

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from connectors.replays.put_off import PutOff
from streams import avro, kafka, log
from streams.core.records import DeviceMapping
from streams.replay.barrier import Barrier, Offsets
from streams.replay.basis import PLACING, unmapped
from streams.settings import Settings

GROUP, TOPIC = PLACING, "device-mapping"
AT_ONCE = 500
"""devices looked at, and placed by one replay"""
READ_AT_ONCE, READ_WITHIN_S, ANSWER_S = 1000, 0.05, 10
HEED_S = 30.0
"""how often a worker asks what others have noted"""

Free = Callable[[Sequence[str]], list[str]]
"""Those of some devices that may be placed now."""

logger = log.get("replay.placing")


class MappingChanges:
    """Devices whose mapping changed and whose points have not been looked at since."""

    def __init__(self, settings: Settings) -> None:
        self._settings, self._wait_s = settings, settings.replay.place_after_s
        self._topic, self._committed, self._read = kafka.topic(settings.kafka, TOPIC), 0, 0
        self._reader, self._barrier = self._begun(), Barrier(settings.kafka)
        self._doubt = kafka.Doubt(self._reader, self._topic)
        self._changed: dict[str, DeviceMapping] = {}
        self._put_off = PutOff()
        self._late: set[str] = set()
        """changed after those that are waited for, and not waited for with them"""
        self._next, self._quiet_from, self._heed_from = -1, 0.0, 0.0
        self._raw: Offsets | None = None
        self._readings: Offsets | None = None

    def read(self) -> None:
        """Take in what changed.

        Raises:
            KafkaException: Kafka is away, or this client has lost it for good: go on with other ``MappingChanges``.
        """
        self._heed()
        messages = self._reader.consume(READ_AT_ONCE, READ_WITHIN_S)
        self._doubt.look(sign=any(message.error() is None for message in messages))
        for message in messages:
            if kafka.raise_on_error(message.error()):
                continue
            self._next = self._read = (message.offset() or 0) + 1
            self._take(_text(message.key()), message.value())

    def due(self, free: Free = list) -> Mapping[str, DeviceMapping]:
        """Devices to look at now; empty while changes go on or the store has not got what was decoded before them.

        Raises:
            KafkaException: Kafka is away.
        """
        if self._late and self._late.issuperset(self._changed.keys() - self._put_off.devices):
            self._wait_again()
        if self._next < 0 or time.monotonic() < self._quiet_from:
            return {}
        chosen = self._chosen(free)
        return {device: self._changed[device] for device in chosen} if chosen and self._is_stored() else {}

    def put_off(self, devices: Mapping[str, DeviceMapping]) -> None:
        """These could not be placed: they are due again after a rest, together."""
        rest = self._put_off.add(devices, time.monotonic())
        logger.warning("not placed", devices=len(devices), again_in_s=rest)

    def _chosen(self, free: Free) -> Sequence[str]:
        """Of those that were put off they that have rested, else others."""
        for group in self._put_off.due(time.monotonic()):
            if self._late.isdisjoint(group) and tuple(free(group)) == group:
                return group
        resting = self._put_off.devices | self._late
        return free([device for device in self._changed if device not in resting])[:AT_ONCE]

    def _is_stored(self) -> bool:
        """Whether the store has all that was decoded before the last change."""
        self._raw = self._raw or self._barrier.ends("raw")
        if self._readings is None and self._barrier.behind("decode", "raw", self._raw):
            return False
        self._readings = self._readings or self._barrier.ends("readings")
        return not self._barrier.behind("sink-clickhouse", "readings", self._readings)

    def done(self, devices: Mapping[str, DeviceMapping]) -> None:
        """These are right, unless they changed again meanwhile.

        Raises:
            KafkaException: Kafka is away; they are looked at again.
        """
        self._put_off.drop(devices)
        for device, mapping in devices.items():
            if self._changed.get(device) is mapping:
                del self._changed[device]
        if not self._changed and self._next >= 0:
            self._finish(self._next)

    def again(self, position: int) -> None:
        """What changed at this offset or later is to be looked at once more.

        What was noted before is gone back for as well: the next commit passes over all that is read from here on.

        Raises:
            KafkaException: Kafka is away.
        """
        noted = self._noted()
        if position < max(self._read, noted):
            start = max(0, min(position, noted))  # no position: of a replay that is older than they are
            self._commit(start)
            self._go_to(start)

    def close(self) -> None:
        """Let go of the clients, of which none is waited for long: they may have lost Kafka."""
        kafka.let_go(self._reader, kafka.ENDING_S)
        self._barrier.close()

    def _begun(self) -> Consumer:
        reader = kafka.consumer(self._settings.kafka, GROUP)
        committed = _committed(reader, self._topic)
        self._committed = self._read = max(committed, 0)
        reader.assign([TopicPartition(self._topic, 0, committed if committed >= 0 else OFFSET_BEGINNING)])
        return reader

    def _noted(self) -> int:
        """From where on changes are to be looked at, whoever said so."""
        return max(_committed(self._reader, self._topic), 0)

    def _finish(self, position: int) -> None:
        """Another worker may have noted an undo meanwhile, and have died: what it went back for is looked at here, too."""
        noted = self._noted()
        if noted == self._committed:
            self._commit(position)
            self._next = -1
        else:
            self._go_to(noted)

    def _heed(self) -> None:
        """As ``_finish``, where nothing comes that could be finished."""
        if time.monotonic() < self._heed_from:
            return
        self._heed_from = time.monotonic() + HEED_S
        noted = self._noted()
        if noted < self._committed:
            self._go_to(noted)

    def _go_to(self, committed: int) -> None:
        self._reader.assign([TopicPartition(self._topic, 0, committed)])
        self._committed, self._next = committed, -1
        self._wait_again()

    def _wait_again(self) -> None:
        """For all that have changed until now."""
        self._late.clear()
        self._quiet_from, self._raw, self._readings = time.monotonic() + self._wait_s, None, None

    def _commit(self, position: int) -> None:
        self._reader.commit(offsets=[TopicPartition(self._topic, 0, position)], asynchronous=False)
        self._committed = position

    def _take(self, device: str, value: bytes | None) -> None:
        """A device of which nothing is mapped keeps no other waiting: new ones register themselves all the time.

        But it is looked at: a restored registry may have taken back what was mapped.
        """
        mapping = avro.decode(value, DeviceMapping) if value else unmapped(device)
        self._changed[device] = mapping
        self._put_off.wake(device)
        if mapping.intervals:
            self._wait_again()
        else:
            self._late.add(device)


def _text(key: bytes | str | None) -> str:
    return key.decode("utf-8", "replace") if isinstance(key, bytes) else key or ""


def _committed(reader: Consumer, topic: str) -> int:
    """Below 0 when nothing is."""
    (place,) = kafka.committed(reader, [TopicPartition(topic, 0)], ANSWER_S)
    return int(place.offset)


Misplaced = Callable[[list[DeviceMapping]], int]


Correct = Callable[[list[str], str], bool]


def place(changes: MappingChanges, misplaced: Misplaced, correct: Correct, free: Free = list) -> bool:
    """Look at the devices that are due.

    ``correct(devices, why)`` runs when points of theirs stand elsewhere, and says whether they do no more.

    Returns whether there was something to look at.
    """
    devices = changes.due(free)
    wrong = misplaced(list(devices.values())) if devices else 0
    if not wrong or _corrected(devices, wrong, correct):
        changes.done(devices)
    else:
        changes.put_off(devices)
    return bool(devices)


def _corrected(devices: Mapping[str, DeviceMapping], wrong: int, correct: Correct) -> bool:
    logger.info("points to be placed anew", devices=len(devices), points=wrong)
    authors = sorted({mapping.changed_by for mapping in devices.values() if mapping.changed_by})
    return correct(list(devices), f"mapping changed by {', '.join(authors) or 'a removal'}")
