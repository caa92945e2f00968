"""What a decoder says about one raw record: messages of devices, parts that it rejects, parts that it ignores."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct

from streams.core.records import RawRecord

RECEIPT_TIME = 1
"""Quality bit: the sender gave no time, so the value carries the time of its receipt."""
IMPLAUSIBLE = 2
"""Quality bit: outside the range that the vocabulary calls plausible for this measurement."""
CODEC_DIFFERS = 4
"""Quality bit: the registered codec and the network server decoded the payload differently."""
DELETED = 8
"""Quality bit: the sender says that this value is no longer: it hides earlier ones from ``latest_readings``."""

QUALITY = {
    "receipt-time": RECEIPT_TIME,
    "implausible": IMPLAUSIBLE,
    "codec-differs": CODEC_DIFFERS,
    "deleted": DELETED,
}
"""Every quality bit by its name; 0 is good."""


class Value(Struct, frozen=True, gc=False):
    """One value as the sender or a codec names it. ``value`` is any JSON value; ``time`` is ns since the epoch, UTC.

    ``quality``: bits of its own, besides those of its message.
    """

    name: str
    value: Any
    time: int
    unit: str = ""
    quality: int = 0


class Samples(Struct, frozen=True, kw_only=True, gc=False):
    """Numbers of one name as columns, in the sender's order, for what says thousands of them at once.

    ``times`` holds int64 ns since the epoch, UTC, ``values`` as many float64, both little endian. Times may repeat or
    jump; a value may be no number.
    """

    name: str
    times: bytes
    values: bytes
    unit: str = ""
    quality: int = 0


class Sender(Struct, frozen=True, kw_only=True, gc=False):
    """The device that a message is from; ``name`` is a hint for people, latitude and longitude are WGS 84 degrees.

    ``application``, ``profile`` and ``model`` choose a codec and normalisation rules; empty where the source has none.
    ``application_id``, ``profile_id``: what the source's server calls them, where the former are names for people.
    ``tags``: what people wrote at the device for codecs to know (ChirpStack). ``properties``: what else the device tells of itself (``ip_addr``, ``state``); the registry keeps the newest.
    """

    device: str
    source_ids: dict[str, str]
    name: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    application: str = ""
    profile: str = ""
    model: str = ""
    application_id: str = ""
    profile_id: str = ""
    tags: dict[str, str] = {}
    properties: dict[str, str] = {}


class Message(Struct, frozen=True, kw_only=True, gc=False):
    """What one device said in one raw record: ``values``, and ``payload`` bytes when a codec may have to read them.

    ``payload`` None: there is nothing for a codec. ``values`` None: nothing was decoded by the sender. ``blocks``: what
    comes in columns, besides; where a value and a sample have one name and one time the sample counts.
    """

    sender: Sender
    time: int
    values: Sequence[Value] | None = None
    payload: bytes | None = None
    port: int = 0
    quality: int = 0
    blocks: Sequence[Samples] = ()


class Rejected(Struct, frozen=True, gc=False):
    """A record, or a part of it, that cannot go on: it becomes a dead letter. ``reason`` is a short code."""

    stage: str
    reason: str
    detail: str
    device: str | None = None


class Ignored(Struct, frozen=True, gc=False):
    """A record, or a part of it, that is left out on purpose and counted; its ``sender`` was still seen."""

    reason: str
    sender: Sender | None = None
    time: int | None = None


Opened = Message | Rejected | Ignored


class Decoder(Protocol):
    """Understands one source's format. Pure; laws: ``tests/contracts/test_decoder.py``."""

    @property
    def name(self) -> str:
        """The source that it decodes."""

    @property
    def version(self) -> int:
        """Goes up with each change of what it answers."""

    def key(self, record: RawRecord) -> str | None:
        """What keeps this sender's records in order: the Kafka key of ``raw``. Never raises; None when unknown."""

    def device(self, source_ids: Mapping[str, str]) -> str | None:
        """The device key of what people, and its own messages, know a device by; None: they do not say which it is."""

    def open(self, record: RawRecord) -> list[Opened]:
        """At least one part, at most one message per device. Never raises."""
