"""Raw record -> readings, dead letters, device events: open, run codecs, normalise, place.

Pure: the same raw record in the same context always gives the same outcome, in the live agent, a replay and a test.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct, field

from streams.core.codec import Answer, Call, Codec, Codecs
from streams.core.identity import content_id
from streams.core.message import Decoder, Message, Opened, Rejected, Sender, Value
from streams.core.normalise import Scope, is_time, normalise
from streams.core.outcome import Outcome, dead_letter
from streams.core.payload import detail
from streams.core.records import DeviceEvent, DeviceMapping, Lineage, Measurement, RawRecord, Reading
from streams.core.rules import Rules

HOUR = 3_600_000_000_000

Item = tuple[RawRecord, Lineage, int]
"""A raw record, where it stands in ``raw``, and the generation that it is decoded in."""


class Options(Struct, frozen=True, kw_only=True):
    """What decoders can be told. Offset in ns; paths are dotted, of several the first that is found counts."""

    ydoc_utc_offset: int = 10 * HOUR
    json_device: tuple[str, ...] = ("device", "device_id", "id")
    json_time: tuple[str, ...] = ("time", "timestamp", "ts")
    json_values: str = "values"


class Context(Struct, frozen=True, kw_only=True):
    """All that decoding depends on besides the record itself.

    ``mapping`` finds a device's mapping by its key, as read up to ``mapping_position``; ``future_limit`` is the ns after
    receipt that a measurement's time may lie.
    """

    decoders: Mapping[str, Decoder]
    mapping: Callable[[str], DeviceMapping | None]
    codecs: Codecs = field(default_factory=Codecs)
    rules: Rules = field(default_factory=Rules)
    mapping_position: int = -1
    future_limit: int = HOUR


class _Work(Struct, frozen=True, gc=False):
    """One raw record on its way to its outcome."""

    raw: RawRecord
    lineage: Lineage
    generation: int
    context: Context
    decoder: str
    outcome: Outcome


Answers = dict[tuple[int, int], tuple[Answer, str]]
"""What codecs answered, and the codec's label, by the record's place in the batch and the message's in the record."""


def decode(raw: RawRecord, lineage: Lineage, generation: int, context: Context) -> Outcome:
    """What becomes of one raw record; never raises."""
    return decode_batch([(raw, lineage, generation)], context)[0]


def decode_batch(items: Sequence[Item], context: Context) -> list[Outcome]:
    """What becomes of each raw record, in order; never raises. Codec calls of the batch run together."""
    opened = [_open(raw, context) for raw, _, _ in items]
    answers = _ask_codecs(opened, context.codecs)
    return [_finish(items[place], place, parts, answers, context) for place, parts in enumerate(opened)]


def _open(raw: RawRecord, context: Context) -> list[Opened]:
    decoder = context.decoders.get(raw.source)
    if decoder is None:
        return [Rejected("open", "unknown-source", detail(raw.source))]
    try:
        return decoder.open(raw)
    except Exception as error:  # noqa: BLE001 - the core's outer edge: a decoder's mistake costs its own record only
        return [_failed(error)]


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
    try:
        answers = codec.run(calls)
        if len(answers) == len(calls):
            return answers
        failure = f"{codec.label} gave {len(answers)} answers to {len(calls)} calls"
    except Exception as error:  # noqa: BLE001 - the core's outer edge: a codec's mistake costs its own messages only
        failure = detail(repr(error))
    return [Rejected("codec", "codec-failed", failure, call.sender.device) for call in calls]


def _finish(item: Item, place: int, parts: Sequence[Opened], answers: Answers, context: Context) -> Outcome:
    raw, lineage, generation = item
    decoder = context.decoders.get(raw.source)
    label = f"{decoder.name}@{decoder.version}" if decoder else ""
    work = _Work(raw, lineage, generation, context, label, Outcome())
    try:
        for index, part in enumerate(parts):
            _add(work, index, part, answers.get((place, index)))
    except Exception as error:  # noqa: BLE001 - the core's outer edge: our own mistake costs this record only
        return Outcome(dead_letters=[dead_letter(_failed(error), raw, lineage, label)])
    return work.outcome


def _add(work: _Work, index: int, part: Opened, answered: tuple[Answer, str] | None) -> None:
    if isinstance(part, Message):
        _add_message(work, index, part, answered)
    elif isinstance(part, Rejected):
        _reject(work, index, part)
    else:
        work.outcome.ignored.append(("open", part.reason))
        if part.sender is not None:
            _see(work, part.sender, part.time)


def _add_message(work: _Work, index: int, message: Message, answered: tuple[Answer, str] | None) -> None:
    answer, codec = answered or (message.values, None)
    measurements: list[Measurement] = []
    if answer is None and message.payload is not None:
        where = f"application {message.sender.application!r}, port {message.port}"
        _reject(work, index, Rejected("codec", "no-codec", detail(where), message.sender.device))
    elif isinstance(answer, Rejected):
        _reject(work, index, answer)
    else:
        measurements = _add_reading(work, index, message, answer or (), codec)
    _see(work, message.sender, max([message.time, *(m.time for m in measurements)]))


def _add_reading(
    work: _Work, index: int, message: Message, values: Sequence[Value], codec: str | None
) -> list[Measurement]:
    context, latest = work.context, work.raw.received_at + work.context.future_limit
    mapping = context.mapping(message.sender.device)
    normalised = normalise(
        values,
        Scope(
            source=work.raw.source,
            sender=message.sender,
            quality=message.quality,
            rules=context.rules,
            mapping=mapping,
            latest=latest,
        ),
    )
    for rejected in normalised.rejected:
        _reject(work, index, rejected)
    work.outcome.ignored.extend(("normalise", reason) for reason in normalised.ignored)
    if normalised.measurements:
        work.outcome.readings.append(_reading(work, index, message, normalised.measurements, codec, mapping))
    elif not normalised.rejected:
        work.outcome.ignored.append(("normalise", "no-measurements"))
    return normalised.measurements


def _reading(
    work: _Work,
    index: int,
    message: Message,
    measurements: list[Measurement],
    codec: str | None,
    mapping: DeviceMapping | None,
) -> Reading:
    raw, sender, time = work.raw, message.sender, message.time
    if not is_time(time) or time > raw.received_at + work.context.future_limit:
        time = max(m.time for m in measurements)
    return Reading(
        id=content_id(sender.device, measurements),
        device=sender.device,
        source=raw.source,
        correlation_id=raw.id,
        received_at=raw.received_at,
        time=time,
        raw_partition=work.lineage.partition,
        raw_offset=work.lineage.offset,
        index=index,
        generation=work.generation,
        decoder=work.decoder,
        codec=codec,
        mapping_position=work.context.mapping_position,
        physical_uid=mapping.physical_uid if mapping else None,
        source_ids=sender.source_ids,
        measurements=measurements,
    )


def _see(work: _Work, sender: Sender, time: int | None) -> None:
    """The device was heard: at the newest time that it told, never later than receipt."""
    raw = work.raw
    at = raw.received_at if time is None or not is_time(time) else min(time, raw.received_at)
    work.outcome.events.append(
        DeviceEvent(
            kind="seen",
            device=sender.device,
            source=raw.source,
            at=at,
            correlation_id=raw.id,
            source_ids=sender.source_ids,
            name=sender.name,
            latitude=sender.latitude,
            longitude=sender.longitude,
            raw_partition=work.lineage.partition,
            raw_offset=work.lineage.offset,
        )
    )


def _reject(work: _Work, index: int, rejected: Rejected) -> None:
    lineage = Lineage(work.lineage.partition, work.lineage.offset, index)
    work.outcome.dead_letters.append(dead_letter(rejected, work.raw, lineage, work.decoder))


def _failed(error: Exception) -> Rejected:
    return Rejected("open", "decoder-failed", detail(repr(error)))
