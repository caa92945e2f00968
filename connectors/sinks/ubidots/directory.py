"""Ubidots' devices kept as the registry has them: details sent after the first dots and after every change."""

from threading import Lock
from typing import Any

import orjson
from msgspec import Struct

from connectors.sinks.base import Transient
from connectors.sinks.outgoing import Message
from connectors.sinks.ubidots import device
from connectors.sinks.ubidots.calls import Calls, Refused
from streams import avro, log
from streams.core.records import DeviceEvent, LogicalDevice, PhysicalDevice
from streams.kafka import BatchProducer, Undelivered
from streams.settings import Settings
from streams.view import CompactedView

VIEW_S = 5.0
AT_ONCE = 10
"""devices told about between two batches: dots come first"""

logger = log.get(__name__)


class Spoken(Struct, frozen=True):
    """What is kept of the last message of a logical device: not its measurements, which may be many."""

    physical_uid: int | None
    device: str
    source: str
    at: int
    correlation_id: str


class Directory:
    """Follows the registry. Calls come from one thread, changes from the view's."""

    def __init__(self, settings: Settings, calls: Calls) -> None:
        self._settings, self._calls = settings, calls
        self._due: set[int] = set()
        self._lock = Lock()
        self._logical = CompactedView(settings.kafka, "logical-devices", LogicalDevice, self._changed)
        self._physical = CompactedView(settings.kafka, "physical-devices", PhysicalDevice)
        self._last: dict[int, Spoken] = {}
        self._sent: dict[int, dict[str, Any]] = {}
        self._producer: BatchProducer | None = None

    def label(self, uid: int) -> str:
        """The label of a logical device.

        Raises:
            Transient: the registry is not read yet.
        """
        self._open()
        return device.label(uid, self._logical.get(str(uid)))

    def delivered(self, message: Message) -> None:
        """Ubidots has this device now; its details follow if it is new."""
        if message.logical_uid not in self._last:
            self._remember({message.logical_uid})
        self._last[message.logical_uid] = _spoken(message)

    def settle(self) -> None:
        """Bring some devices up to date.

        Raises:
            Transient: later; nothing is forgotten.
        """
        self._open()
        with self._lock:
            due, self._due = self._due, set()
        told = 0
        try:
            while due and told < AT_ONCE:
                told += self._sync(min(due))
                due.remove(min(due))
        finally:
            self._remember(due)

    def close(self) -> None:
        """Stop following; safe to call twice."""
        if self._producer:
            self._logical.stop()
            self._physical.stop()
            self._producer.close()

    def _open(self) -> None:
        if self._producer is None:
            self._logical.start()
            self._physical.start()
            self._producer = BatchProducer(self._settings.kafka)
        if not self._logical.wait_ready(VIEW_S) or not self._physical.wait_ready(VIEW_S):
            raise Transient("the registry is not read yet", 0.1)

    def _remember(self, uids: set[int]) -> None:
        with self._lock:
            self._due |= uids

    def _changed(self, key: bytes, _: LogicalDevice | None, __: int) -> None:
        self._remember({int(key)})

    def _sync(self, uid: int) -> bool:
        """Tell Ubidots about the device if there is news; whether there was."""
        logical, last = self._logical.get(str(uid)), self._last.get(uid)
        if logical is None or (last is None and "label" not in device.stored(logical)):
            return False  # nothing to tell, or nobody there yet to be told
        physical = self._physical.get(str(last.physical_uid)) if last else None
        wanted = device.details(logical, physical)
        if wanted == self._sent.get(uid) or device.agrees(device.stored(logical), wanted):
            return False
        self._tell(uid, device.label(uid, logical), wanted)
        return True

    def _tell(self, uid: int, label: str, wanted: dict[str, Any]) -> None:
        try:
            self._calls.patch(label, orjson.dumps(wanted))
            self._announce(uid, label, self._calls.get(label))
        except Refused as error:
            logger.warning("ubidots-details-refused", logical_uid=uid, label=label, detail=str(error))
        self._sent[uid] = wanted

    def _announce(self, uid: int, label: str, answer: dict[str, Any]) -> None:
        """Let the registry keep what Ubidots says, its label above all."""
        last = self._last.get(uid)
        ubidots = orjson.dumps(answer | {"label": label}).decode()
        event = DeviceEvent(
            kind="labelled",
            device=last.device if last else "",
            source=last.source if last else "",
            at=last.at if last else 0,
            correlation_id=last.correlation_id if last else "",
            properties={"logical_uid": str(uid), "label": label, "ubidots": ubidots},
        )
        assert self._producer  # noqa: S101 - for the type checker: `label` was asked before
        self._producer.send("device-events", event.device or f"logical:{uid}", avro.encode(event))
        try:
            self._producer.flush()
        except Undelivered as error:
            raise Transient(str(error)) from error


def _spoken(message: Message) -> Spoken:
    reading = message.reading
    return Spoken(message.physical_uid, reading.device, reading.source, reading.received_at, reading.correlation_id)
