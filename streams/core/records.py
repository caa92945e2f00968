"""The nouns of the pipeline. This module imports nothing of ours; everything may import it.

Times are ``int`` nanoseconds since the Unix epoch, UTC. Field order and names are those of ``schemas/<record>/v1.avsc``;
``tests/streams/test_avro.py`` holds the two against each other. ``gc=False``: these are made bottom-up, so never in a cycle,
and the garbage collector need not walk the thousands of a batch.
"""

from typing import Literal

from msgspec import Struct, field

Transport = Literal["mqtt", "http", "poll", "file"]

NO_TOPICS = "e3b0c44298fc1c14"
"""Hash of no signed topics: what a generation has that was opened before there were any."""


class RawRecord(Struct, frozen=True, kw_only=True, gc=False):
    """One message as it was received. ``payload`` is untouched; ``id`` is the correlation id (UUIDv7 text)."""

    id: str
    source: str
    transport: str
    address: str
    received_at: int
    content_type: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    connector: str = ""
    payload: bytes


class Lineage(Struct, frozen=True, order=True, gc=False):
    """Where in ``raw`` something comes from; ``index`` counts the readings of one raw record."""

    partition: int
    offset: int
    index: int = 0


class Measurement(Struct, frozen=True, gc=False):
    """One named value at one time: a number (booleans are 1.0 and 0.0) in ``value``, or a ``text``.

    ``quality`` is a bit set (``core.message.QUALITY``), 0 is good. ``logical_uid`` is None where the device was
    unmapped or paused at ``time``.
    """

    name: str
    unit: str
    time: int
    value: float | None
    text: str | None
    quality: int = 0
    logical_uid: int | None = None


class Block(Struct, frozen=True, kw_only=True):
    """Values of one name in order of time, the first at ``start``, ``period`` ns apart, or at ``offsets``: `core.block`."""

    name: str
    unit: str
    start: int
    period: int
    values: bytes
    offsets: bytes = b""
    quality: int = 0
    logical_uid: int | None = None


class Reading(Struct, frozen=True, kw_only=True, gc=False):
    """The measurements of one device from one raw record."""

    id: str
    device: str
    source: str
    correlation_id: str
    received_at: int
    time: int
    raw_partition: int
    raw_offset: int
    index: int
    generation: int
    decoder: str
    codec: str | None
    mapping_position: int
    physical_uid: int | None
    source_ids: dict[str, str]
    measurements: list[Measurement]
    blocks: list[Block] = field(default_factory=list)


class Repair(Struct, frozen=True, kw_only=True):
    """A (series, window) that the store recomputes from its own points, once it holds ``readings`` up to ``label``.

    ``window`` is a length in seconds, ``label`` the highest ``readings`` offset that changed the window.
    """

    device: str
    name: str
    unit: str
    window: int
    start: int
    label: int
    generation: int


class Aggregate(Repair, frozen=True, kw_only=True):
    """What one series did in one window: exact at its label. ``covered``: every earlier point was folded."""

    covered: bool
    count: int
    sum: float
    min: float
    max: float
    first: float
    last: float
    median: float


class Pause(Struct, frozen=True, gc=False):
    """Readings between ``start`` and ``end`` (None: still paused) are stored, not sent on."""

    start: int
    end: int | None = None


class Variable(Struct, frozen=True, rename={"source": "from", "target": "to"}):
    """How a mapping presents one measurement: renamed, scaled (value * scale + offset) or dropped."""

    source: str
    target: str | None = None
    scale: float = 1.0
    offset: float = 0.0
    drop: bool = False


class Interval(Struct, frozen=True, gc=False):
    """One mapping to a logical device: valid at t when start <= t < end (None: open)."""

    logical_uid: int
    start: int
    end: int | None = None
    pauses: list[Pause] = field(default_factory=list)
    variables: list[Variable] = field(default_factory=list)


class DeviceMapping(Struct, frozen=True, kw_only=True, gc=False):
    """The whole history of one physical device's mapping; intervals by start, never overlapping."""

    device: str
    physical_uid: int
    intervals: list[Interval] = field(default_factory=list)
    changed_at: int = 0
    changed_by: str = ""
    why: str = ""


class Generation(Struct, frozen=True, kw_only=True):
    """A decoding epoch: from ``fences`` (raw partition as text -> first offset) on, this code decodes.

    Without fences it is only announced, and in force nowhere: they are read from ``raw`` once everybody can know of it.
    """

    number: int
    fences: dict[str, int]
    code: str
    codecs: str
    rules: str
    opened_at: int
    opened_by: str
    why: str
    topics: str = NO_TOPICS


class DeadLetter(Struct, frozen=True, kw_only=True, gc=False):
    """A record that could not go on. ``raw_partition`` is -1 for one that never reached ``raw``.

    ``stage``: door, avro, open, codec, normalise, send, window or sink:<name>; ``reason`` is a short code.
    """

    stage: str
    reason: str
    detail: str
    raw_partition: int
    raw_offset: int
    index: int = 0
    source: str = ""
    device: str | None = None
    decoder: str = ""
    at: int
    body: str | None = None
    correlation_id: str = ""


class DeviceEvent(Struct, frozen=True, kw_only=True, gc=False):
    """Something a stream noticed about a device; ``kind``: seen, named, located or labelled."""

    kind: str
    device: str
    source: str
    at: int
    correlation_id: str = ""
    source_ids: dict[str, str] = field(default_factory=dict)
    name: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    properties: dict[str, str] = field(default_factory=dict)
    raw_partition: int = -1
    raw_offset: int = -1


class Location(Struct, frozen=True, gc=False):
    """WGS 84, degrees."""

    latitude: float
    longitude: float


class Changed(Struct, frozen=True, kw_only=True):
    """Who changed a registry record, when, and why."""

    changed_at: int = 0
    changed_by: str = ""
    why: str = ""


class PhysicalDevice(Changed, frozen=True, kw_only=True, gc=False):
    """The box in the field.

    ``edited`` lists fields that a person set, which streams leave alone; ``last_raw`` is where in `raw`
    (partition@offset) its newest message stands, None as long as it never spoke. A removed device keeps its record, with ``deleted_at``, so that its uid is never given again.
    """

    uid: int
    device: str
    source: str
    name: str
    location: Location | None = None
    last_seen: int | None = None
    source_ids: dict[str, str] = field(default_factory=dict)
    properties: str = "{}"
    edited: list[str] = field(default_factory=list)
    created_at: int = 0
    deleted_at: int | None = None
    last_raw: str | None = None


class LogicalDevice(Changed, frozen=True, kw_only=True, gc=False):
    """The thing people know; it outlives the box."""

    uid: int
    name: str
    location: Location | None = None
    last_seen: int | None = None
    properties: str = "{}"
    created_at: int = 0
    deleted_at: int | None = None


class Source(Changed, frozen=True, kw_only=True):
    """A kind of sender with its own format."""

    name: str
    title: str = ""


class Rule(Changed, frozen=True, kw_only=True, rename={"measurement": "from", "target": "to"}):
    """A normalisation rule; an empty ``source``, ``model`` or ``device`` matches all of them."""

    id: str
    source: str = ""
    model: str = ""
    device: str = ""
    measurement: str
    target: str | None = None
    unit: str | None = None
    scale: float = 1.0
    offset: float = 0.0
    drop: bool = False
