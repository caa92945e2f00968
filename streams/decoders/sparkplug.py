"""Sparkplug B over MQTT: ``spBv1.0/<group>/<message type>/<edge node>[/<device>]``, payloads as protocol buffers.

Source: Sparkplug specification 3.0. An edge node is ``sparkplug:<group>/<edge node>``, its devices have a third part.
Births name metrics, and may give them aliases, which data then use instead: the memory holds the births in force. A node's
birth that defines something new makes its devices' earlier births void, since aliases may be others now; one that says the
same changes nothing, and is not kept again, however often a node comes back. A birth that cannot be read or
remembered defines nothing, and makes void what it replaces: by that, data would be stored under names that nobody meant.

- The measurement ``online`` is 1 at a birth and 0 at a death, the property ``state`` likewise. A node's death is that of
  its devices too. It carries the time of receipt: the broker sends it, as it was deposited when the node connected.
- An alias that no birth before it defines is a dead letter. Nobody is asked for a rebirth, commands are never sent.
- ``seq`` and ``bdSeq`` are not followed: each message would have to be remembered. So a lost birth is not noticed until an
  alias or a type does not fit, and the death of an earlier session may come after the next one's birth.
"""

from collections.abc import Mapping

from msgspec import Struct

from streams.core.memory import NOTHING, Memory, too_large
from streams.core.message import RECEIPT_TIME, Ignored, Message, Opened, Rejected, Sender, Value
from streams.core.payload import detail
from streams.core.records import RawRecord
from streams.core.sender import named, sender
from streams.decoders.wire.sparkplug_metrics import UNDEFINED, Definitions, definitions, ns, parse, read

NAMESPACE = "spBv1.0"
BIRTHS, DEATHS, DATA, COMMANDS = ("NBIRTH", "DBIRTH"), ("NDEATH", "DDEATH"), ("NDATA", "DDATA"), ("NCMD", "DCMD")
NODE = ""
"""the edge node's own place in the memory; a device's is its id"""
DEVICE_LIMIT = 2_000
"""Devices of an edge node whose births are remembered."""


class Topic(Struct, frozen=True):
    """Whose message it is, and of which kind; ``device`` empty: the edge node's own."""

    kind: str
    group: str
    edge: str
    device: str = NODE


class Sparkplug:
    """Decoder of source ``sparkplug``."""

    name = "sparkplug"
    version = 2

    def key(self, record: RawRecord) -> str | None:
        """One key per edge node: its births define what its devices say."""
        topic = _topic(record.address)
        who = _sender(topic.group, topic.edge) if isinstance(topic, Topic) else None
        return who.device if isinstance(who, Sender) else None

    def device(self, source_ids: Mapping[str, str]) -> str | None:
        """See ``Decoder.device``."""
        group, edge, device = (source_ids.get(name, "") for name in ("group_id", "edge_node_id", "device_id"))
        return named("sparkplug", "/".join(filter(None, (group, edge, device)))) if group and edge else None

    def remember(self, memory: Memory, record: RawRecord) -> Memory:
        """Births in force; one that is empty or cannot be read defines nothing, and makes void what its sender had defined."""
        topic = _topic(record.address)
        if not isinstance(topic, Topic) or topic.kind not in BIRTHS:
            return memory
        told = _read(record)
        if told is None and not _knows(memory, topic.device):
            return memory
        if (told or UNDEFINED) == _defined(memory, topic.device):
            return memory
        if topic.device == NODE:
            return {NODE: record}
        full = len(memory) > DEVICE_LIMIT and topic.device not in memory
        return memory if full else {**memory, topic.device: record}

    def tells_of_others(self, record: RawRecord) -> bool:
        """A node's death is that of its devices."""
        topic = _topic(record.address)
        return isinstance(topic, Topic) and topic.kind == "NDEATH"

    def open(self, record: RawRecord) -> list[Opened]:
        """Without a memory, only births, deaths and metrics by name can be read."""
        return self.open_with(record, NOTHING)

    def open_with(self, record: RawRecord, memory: Memory) -> list[Opened]:
        """A message of the sender, at its own death of its devices too, and a part for each reason to leave metrics out."""
        topic = _topic(record.address)
        if not isinstance(topic, Topic):
            return [topic]
        who = _sender(topic.group, topic.edge, topic.device, "offline" if topic.kind in DEATHS else "online")
        if isinstance(who, Rejected):
            return [who]
        if topic.kind in COMMANDS:
            return [Ignored("command")]
        if topic.kind == "NDEATH":
            return _deaths(topic, memory, record.received_at)
        large = too_large(record) if topic.kind in BIRTHS else None
        return [large] if large else _told(topic, who, record, memory)


def _topic(address: str) -> Topic | Rejected | Ignored:
    levels = address.split("/")
    if levels[:2] == [NAMESPACE, "STATE"]:
        return Ignored("host-state")
    if levels[0] != NAMESPACE or len(levels) not in (4, 5) or not all(levels):
        return Rejected("open", "bad-topic", detail(address))
    topic = Topic(levels[2], levels[1], levels[3], levels[4] if len(levels) == 5 else NODE)
    known = topic.kind in (*BIRTHS, *DEATHS, *DATA, *COMMANDS)
    fits = (topic.device != NODE) == topic.kind.startswith("D")
    return topic if known and fits else Rejected("open", "bad-topic", detail(address))


def _knows(memory: Memory, place: str) -> bool:
    """Whether a birth there would make earlier ones void."""
    return bool(memory) if place == NODE else place in memory


def _defined(memory: Memory, place: str) -> Definitions | None:
    birth = memory.get(place)
    return None if birth is None else _read(birth) or UNDEFINED


def _read(birth: RawRecord) -> Definitions | None:
    found = definitions(birth.payload) if birth.payload else None
    return None if isinstance(found, Rejected) else found


def _told(topic: Topic, who: Sender, record: RawRecord, memory: Memory) -> list[Opened]:
    parsed = parse(record.payload)
    if isinstance(parsed, Rejected):
        return [Rejected(parsed.stage, parsed.reason, parsed.detail, who.device)]
    sent_at = ns(parsed.timestamp)
    time = sent_at or record.received_at
    known = (_defined(memory, topic.device) if topic.kind in DATA else None) or UNDEFINED
    found = read(parsed, known, record.received_at, who.device)
    values = found.values if topic.kind in DATA else [_online(time, is_online=topic.kind in BIRTHS), *found.values]
    if not values:
        return [*found.parts, Ignored("no-values", who, sent_at)]
    timed = found.timed and (topic.kind in DATA or sent_at is not None)
    return [Message(sender=who, time=time, values=values, quality=0 if timed else RECEIPT_TIME), *found.parts]


def _deaths(topic: Topic, memory: Memory, time: int) -> list[Opened]:
    devices = [NODE, *(place for place in memory if place != NODE)]
    senders = [_sender(topic.group, topic.edge, device, state="offline") for device in devices]
    return [
        who if isinstance(who, Rejected)
        else Message(sender=who, time=time, values=[_online(time, is_online=False)], quality=RECEIPT_TIME)
        for who in senders
    ]  # fmt: skip


def _online(time: int, *, is_online: bool) -> Value:
    return Value("online", is_online, time)


def _sender(group: str, edge: str, device: str = NODE, state: str = "online") -> Sender | Rejected:
    ids = {"group_id": group, "edge_node_id": edge, "device_id": device or None}
    identity = "/".join(filter(None, (group, edge, device)))
    return sender("sparkplug", identity, ids, name=device or edge, properties={"state": state})


DECODER = Sparkplug()
