"""From settings and registry records to the core's context: the same for the agent, verification and replay."""

from collections.abc import Callable, Iterable, Mapping

from streams import codecs as native
from streams import decoders as known
from streams.codecs import table
from streams.core.codec import Codec, Codecs, Unavailable
from streams.core.codec_record import Codec as Registered
from streams.core.decode import Context
from streams.core.memory import History, Recollection
from streams.core.message import Decoder
from streams.core.options import IctColumn, IctLayout, Options
from streams.core.records import DeviceMapping, Rule
from streams.core.rules import Rules
from streams.core.signed_topic import SignedTopic
from streams.core.times import MINUTE, SECOND
from streams.javascript import codec as javascript
from streams.javascript.process import Limits
from streams.javascript.sandbox import Mode, Sandbox, shared
from streams.settings import DecodeSettings
from streams.source_settings import csv_layout, json_mapping

MODES: Mapping[str, Mode] = {"wrapped": "wrapped", "plain": "plain", "fresh": "fresh"}


def decoders(settings: DecodeSettings, topics: Iterable[SignedTopic] = ()) -> Mapping[str, Decoder]:
    """Every decoder by its source; doors call its ``key`` only, which asks for no ``topics``."""
    return known.load(options(settings, topics))


def options(settings: DecodeSettings, topics: Iterable[SignedTopic] = ()) -> Options:
    """What decoders are told."""
    return Options(
        ydoc_utc_offset=settings.ydoc_utc_offset_minutes * MINUTE,
        json_device=settings.json_source.device,
        json_time=settings.json_source.time,
        json_values=settings.json_source.values,
        ict_mqtt_layouts=tuple(
            IctLayout(layout.devices, tuple(IctColumn(**dict(column)) for column in layout.columns))
            for layout in settings.ict_mqtt.layouts
        ),
        signed_topics=tuple(topics),
        ttn_normalized=settings.ttn_normalized,
        json_mappings=tuple(map(json_mapping, settings.json_source.mappings)),
        csv_layouts=tuple(map(csv_layout, settings.csv_source.layouts)),
    )


def context(  # noqa: PLR0913 - decoding depends on so much, and on nothing else
    settings: DecodeSettings,
    mapping: Callable[[str], DeviceMapping | None],
    *,
    mapping_position: int = -1,
    recollect: Recollection | None = None,
    rules: Iterable[Rule] = (),
    codecs: Iterable[Registered] = (),
    topics: Iterable[SignedTopic] = (),
    patient: bool = False,
) -> Context:
    """What decoding depends on. For a later mapping position: ``msgspec.structs.replace(context, mapping_position=…)``.

    Building it costs; build it when rules, codecs or topics change, not per batch. ``patient``: no codec is suspended for
    having been too slow before, so that the outcome depends on the record alone.
    """
    natives = native.load()
    in_order = sorted(codecs, key=lambda record: record.name)
    registered = [(_codec(record, settings, patient=patient), record.applies_to) for record in in_order]
    return Context(
        decoders=decoders(settings, topics),
        codecs=Codecs(
            registered,
            natives["lpp"],
            settings.lpp_applications,
            preference=settings.network_server_decode,
            rescue=settings.network_server_rescues,
        ),
        rules=Rules(rules),
        mapping=mapping,
        mapping_position=mapping_position,
        recollect=History() if recollect is None else recollect,
        memory_limit=memory_limit(settings),
        future_limit=settings.future_limit_s * SECOND,
    )


def memory_limit(settings: DecodeSettings) -> int:
    """Bytes that are remembered of a raw partition."""
    return settings.memories_mb * 2**20


def sandbox(settings: DecodeSettings) -> Sandbox:
    """Where this process runs JavaScript; its workers start with the first call."""
    limits = Limits(
        ms=settings.javascript_ms,
        mb=settings.javascript_mb,
        budget_mb=settings.javascript_budget_mb,
        kept=settings.javascript_kept,
    )
    return shared(limits, settings.javascript_workers)


def codec(record: Registered, settings: DecodeSettings, *, patient: bool = False) -> Codec:
    """A registered codec, ready to run.

    Raises:
        ValueError: this installation cannot run it, in one sentence.
    """
    if record.language == javascript.LANGUAGE:
        if record.mode not in MODES:
            raise ValueError(f"there is no mode {record.mode}: a codec runs {', '.join(MODES)}")
        return javascript.JavaScript(
            record, sandbox(settings), mode=MODES[record.mode], lenient=record.lenient, patient=patient
        )
    if record.language == table.LANGUAGE:
        return table.load(record.code, record.name, record.hash[:12])
    natives = native.load()
    if record.language != "native" or record.name not in natives:
        raise ValueError(
            f"there is no {record.language} codec {record.name}; built in are {', '.join(sorted(natives))}"
        )
    return natives[record.name]


def _codec(record: Registered, settings: DecodeSettings, *, patient: bool) -> Codec:
    """What it should read waits as dead letters when it cannot be run."""
    try:
        return codec(record, settings, patient=patient)
    except ValueError:
        return Unavailable(f"{record.name}@{record.hash[:12]}")
