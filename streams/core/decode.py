"""Raw record -> readings, dead letters, device events: open, run codecs, normalise, place.

Pure: the same raw record in the same context always gives the same outcome, in the live agent, a replay and a test.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct, field

from streams.core.block import last
from streams.core.choice import Choice, choose
from streams.core.codec import Answer, Call, Codec, Codecs, Unable
from streams.core.identity import content_id
from streams.core.memory import TOTAL_LIMIT, History, Kept, Recall, Recalled, Recollection, remembers
from streams.core.message import Decoder, Message, Opened, Rejected, Sender
from streams.core.normalise import is_time, normalise
from streams.core.outcome import Outcome, dead_letter
from streams.core.payload import detail
from streams.core.records import (
    Block,
    DeadLetter,
    DeviceEvent,
    DeviceMapping,
    Lineage,
    Measurement,
    RawRecord,
    Reading,
)
from streams.core.rules import Rules
from streams.core.samples import Scope
from streams.core.times import HOUR

Item = tuple[RawRecord, Lineage, int]
"""A raw record, where it stands in ``raw``, and the generation that it is decoded in."""


class Context(Struct, frozen=True, kw_only=True):
    """All that decoding depends on besides the record itself.

    ``mapping`` finds a device's mapping by its key, as read up to ``mapping_position``; ``future_limit`` is the ns after
    receipt that a measurement's time may lie; ``recollect`` finds what decoders with memory need, of at most ``memory_limit`` bytes.
    """

    decoders: Mapping[str, Decoder]
    mapping: Callable[[str], DeviceMapping | None]
    codecs: Codecs = field(default_factory=Codecs)
    rules: Rules = field(default_factory=Rules)
    mapping_position: int = -1
    future_limit: int = HOUR
    recollect: Recollection = field(default_factory=History)
    memory_limit: int = TOTAL_LIMIT


class Measured(Struct, frozen=True, gc=False):
    """What one message became: measurements, blocks, and the label of the codec that read it. ``index`` counts within the record."""

    index: int
    message: Message
    measurements: list[Measurement]
    codec: str | None
    mapping: DeviceMapping | None
    blocks: list[Block] = []

    @property
    def newest(self) -> int:
        """The latest time of all points; there is always one."""
        return max([*(m.time for m in self.measurements), *map(last, self.blocks)])


class Asked(Struct, frozen=True, gc=False):
    """A codec (its label) that was asked about a payload, and did not make measurements of it; the message's time."""

    device: str
    codec: str
    time: int


class Account(Struct, frozen=True, gc=False):
    """A raw record's outcome before readings and events are made of it; ``seen``: devices, and the time they told."""

    decoder: str
    memory: Kept | None = None
    measured: list[Measured] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    seen: list[tuple[Sender, int | None]] = field(default_factory=list)
    ignored: list[tuple[str, str]] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)


class _Work(Struct, frozen=True, gc=False):
    """One raw record on its way to its account."""

    raw: RawRecord
    lineage: Lineage
    context: Context
    account: Account


Answers = dict[tuple[int, int], tuple[Answer, str]]
"""What codecs answered, and the codec's label, by the record's place in the batch and the message's in the record."""


def decode(raw: RawRecord, lineage: Lineage, generation: int, context: Context) -> Outcome:
    """What becomes of one raw record; raises as ``decode_batch`` does."""
    return decode_batch([(raw, lineage, generation)], context)[0]


def decode_batch(items: Sequence[Item], context: Context) -> list[Outcome]:
    """What becomes of each raw record, in order. Codec calls of the batch run together.

    Records of one raw partition come in the order of their offsets: that is what decoders with memory go by.

    Raises:
        Unable: what runs the codecs does not work now; no record is at fault.
    """
    accounts = measure_batch(items, context)
    return [_outcome(item, account, context) for item, account in zip(items, accounts, strict=True)]


def measure_batch(items: Sequence[Item], context: Context) -> list[Account]:
    """``decode_batch`` up to the measurements: all that columns of points need, without ids and events."""
    recall = Recall(context.recollect, context.memory_limit)
    found = [_open(raw, lineage, context, recall) for raw, lineage, _ in items]
    opened = [parts for parts, _ in found]
    answers = _ask_codecs(opened, context.codecs)
    labels = {name: f"{decoder.name}@{decoder.version}" for name, decoder in context.decoders.items()}
    works = [
        _Work(raw, lineage, context, Account(labels.get(raw.source, ""), memory))
        for (raw, lineage, _), (_, memory) in zip(items, found, strict=True)
    ]
    return [_account(work, place, opened[place], answers) for place, work in enumerate(works)]


def _open(raw: RawRecord, lineage: Lineage, context: Context, recall: Recall) -> tuple[list[Opened], Kept | None]:
    """The parts of the record, and what of it later records need."""
    decoder, recalled = context.decoders.get(raw.source), Recalled()
    if decoder is None:
        return [Rejected("open", "unknown-source", detail(raw.source))], None
    try:
        if not remembers(decoder):
            return decoder.open(raw), None
        recalled = recall.of(decoder, raw, lineage)
        return [*decoder.open_with(raw, recalled.memory), *recalled.refused], recalled.kept
    except Exception as error:  # noqa: BLE001 - the core's outer edge: a decoder's mistake costs its own record only
        return [_failed(error)], recalled.kept


def _ask_codecs(opened: Sequence[Sequence[Opened]], codecs: Codecs) -> Answers:
    asked: dict[Codec, list[tuple[tuple[int, int], Call]]] = defaultdict(list)
    for place, parts in enumerate(opened):
        for index, part in enumerate(parts):
            if isinstance(part, Message) and part.payload is not None and (codec := codecs.choose(part)):
                asked[codec].append(((place, index), Call(part.payload, part.port, part.time, part.sender)))
    answers: Answers = {}
    for codec, calls in asked.items():
        for (key, _), answer in zip(calls, _run(codec, [call for _, call in calls]), strict=True):
            answers[key] = answer, codec.label
    return answers


def _run(codec: Codec, calls: list[Call]) -> Sequence[Answer]:
    """A call that makes the codec fail is found by halving: its neighbours, which may be other devices, have answers."""
    try:
        answers = codec.run(calls)
        if len(answers) == len(calls):
            return answers
        failure = f"{codec.label} gave {len(answers)} answers to {len(calls)} calls"
    except Unable:
        raise
    except Exception as error:  # noqa: BLE001 - the core's outer edge: a codec's mistake costs its own messages only
        failure = detail(repr(error))
    if len(calls) > 1:
        middle = len(calls) // 2
        return [*_run(codec, calls[:middle]), *_run(codec, calls[middle:])]
    return [Rejected("codec", "codec-failed", failure, call.sender.device) for call in calls]


def _account(work: _Work, place: int, parts: Sequence[Opened], answers: Answers) -> Account:
    try:
        for index, part in enumerate(parts):
            _add(work, index, part, answers.get((place, index)))
    except Exception as error:  # noqa: BLE001 - the core's outer edge: our own mistake costs this record only
        label = work.account.decoder
        return Account(
            label, work.account.memory, dead_letters=[dead_letter(_failed(error), work.raw, work.lineage, label)]
        )
    return work.account


def _add(work: _Work, index: int, part: Opened, answered: tuple[Answer, str] | None) -> None:
    if isinstance(part, Message):
        _add_message(work, index, part, answered)
    elif isinstance(part, Rejected):
        _reject(work, index, part)
    else:
        work.account.ignored.append(("open", part.reason))
        if part.sender is not None:
            work.account.seen.append((part.sender, part.time))


def _add_message(work: _Work, index: int, message: Message, answered: tuple[Answer, str] | None) -> None:
    choice, measured = choose(message, answered, work.context.codecs), None
    if choice.ignored:
        work.account.ignored.extend([("codec", reason) for reason in choice.ignored])
    if choice.rejected is not None:
        _reject(work, index, choice.rejected)
    elif choice.values is None and message.payload is not None:
        where = f"application {message.sender.application!r}, port {message.port}"
        _reject(work, index, Rejected("codec", "no-codec", detail(where), message.sender.device))
    else:
        measured = _add_measured(work, index, message, choice)
    if answered is not None and (measured is None or choice.codec is None):
        work.account.asked.append(Asked(message.sender.device, answered[1], message.time))
    work.account.seen.append((message.sender, message.time if measured is None else max(message.time, measured.newest)))


def _add_measured(work: _Work, index: int, message: Message, choice: Choice) -> Measured | None:
    context, account, sender = work.context, work.account, message.sender
    mapping, latest = context.mapping(sender.device), work.raw.received_at + context.future_limit
    scope = Scope(work.raw.source, sender, message.quality | choice.quality, context.rules, mapping, latest)
    normalised = normalise(choice.values or (), scope, message.blocks)
    for rejected in normalised.rejected:
        _reject(work, index, rejected)
    if normalised.ignored:
        account.ignored.extend([("normalise", reason) for reason in normalised.ignored])
    if normalised.measurements or normalised.blocks:
        measured = Measured(index, message, normalised.measurements, choice.codec, mapping, normalised.blocks)
        account.measured.append(measured)
        return measured
    if not normalised.rejected:
        account.ignored.append(("normalise", "no-measurements"))
    return None


def _outcome(item: Item, account: Account, context: Context) -> Outcome:
    raw, lineage, _ = item
    try:
        readings = [_reading(item, measured, account.decoder, context) for measured in account.measured]
        events = [_seen(raw, lineage, sender, time) for sender, time in account.seen]
    except Exception as error:  # noqa: BLE001 - the core's outer edge: our own mistake costs this record only
        letters = [dead_letter(_failed(error), raw, lineage, account.decoder)]
        return Outcome(dead_letters=letters, memory=account.memory)
    return Outcome(readings, account.dead_letters, events, account.ignored, account.memory)


def _reading(item: Item, measured: Measured, decoder: str, context: Context) -> Reading:
    raw, lineage, generation = item
    sender, time, mapping = measured.message.sender, measured.message.time, measured.mapping
    if not is_time(time) or time > raw.received_at + context.future_limit:
        time = measured.newest
    return Reading(
        id=content_id(sender.device, measured.measurements, measured.blocks),
        device=sender.device,
        source=raw.source,
        correlation_id=raw.id,
        received_at=raw.received_at,
        time=time,
        raw_partition=lineage.partition,
        raw_offset=lineage.offset,
        index=measured.index,
        generation=generation,
        decoder=decoder,
        codec=measured.codec,
        mapping_position=context.mapping_position,
        physical_uid=mapping.physical_uid if mapping else None,
        source_ids=sender.source_ids,
        measurements=measured.measurements,
        blocks=measured.blocks,
    )


def _seen(raw: RawRecord, lineage: Lineage, sender: Sender, time: int | None) -> DeviceEvent:
    """The device was heard: at the newest time that it told, never later than receipt."""
    at = raw.received_at if time is None or not is_time(time) else min(time, raw.received_at)
    return DeviceEvent(
        kind="seen",
        device=sender.device,
        source=raw.source,
        at=at,
        correlation_id=raw.id,
        source_ids=sender.source_ids,
        name=sender.name,
        latitude=sender.latitude,
        longitude=sender.longitude,
        properties=sender.properties,
        raw_partition=lineage.partition,
        raw_offset=lineage.offset,
    )


def _reject(work: _Work, index: int, rejected: Rejected) -> None:
    lineage = Lineage(work.lineage.partition, work.lineage.offset, index)
    work.account.dead_letters.append(dead_letter(rejected, work.raw, lineage, work.account.decoder))


def _failed(error: Exception) -> Rejected:
    return Rejected("open", "decoder-failed", detail(repr(error)))
