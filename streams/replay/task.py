"""What is decoded again, and with what: all that the processes of a replay must agree on."""

from pathlib import Path

from msgspec import Struct, field

from streams.core.codec_record import Codec
from streams.core.memory import History
from streams.core.records import DeviceMapping, Generation, Rule
from streams.core.signed_topic import SignedTopic
from streams.registry.hashes import code_hash, codecs_hash, rules_hash, topics_hash
from streams.replay.job import Mode
from streams.replay.runs import Runs
from streams.replay.selection import Selection
from streams.scan import table
from streams.settings import Settings


class Tried(Struct, frozen=True, kw_only=True):
    """What an operator tries in place of what is deployed: decoders as (source, file), codecs as they would be registered."""

    decoders: tuple[tuple[str, Path], ...] = ()
    codecs: tuple[Codec, ...] = ()


class Task(Struct, frozen=True, kw_only=True):
    """What to decode again; picklable.

    ``stored``: lineages of which a stored point fits what the selection asks of points. ``wanted``: only these lineages
    (None: all). ``tried`` stands in for what is deployed. ``mapping_as_of``: every point is placed by the mapping that
    holds at this time (ns); None: at the point's own. ``history``: what decoders with memory need of records before these.
    """

    settings: Settings
    selection: Selection
    mode: Mode
    stored: Runs | None = None
    wanted: Runs | None = None
    tried: Tried = Tried()
    mapping_as_of: int | None = None
    history: History = field(default_factory=History)


class Registry(Struct, frozen=True, kw_only=True):
    """What the registry's topics hold at one moment."""

    mappings: dict[str, DeviceMapping]
    rules: tuple[Rule, ...] = ()
    codecs: tuple[Codec, ...] = ()
    topics: tuple[SignedTopic, ...] = ()
    generations: tuple[Generation, ...] = ()


def read_registry(settings: Settings) -> Registry:
    """As the topics are now; blocks.

    Raises:
        TimeoutError, KafkaException: the log does not answer.
    """
    log = settings.kafka
    return Registry(
        mappings={mapping.device: mapping for mapping in table(log, "device-mapping", DeviceMapping).values()},
        rules=tuple(table(log, "rules", Rule).values()),
        codecs=tuple(table(log, "codecs", Codec).values()),
        topics=tuple(table(log, "signed-topics", SignedTopic).values()),
        generations=tuple(table(log, "generations", Generation).values()),
    )


def hashes(settings: Settings, registry: Registry) -> dict[str, str]:
    """How this process decodes, as a generation says it: ``code``, ``codecs``, ``rules``, ``topics``."""
    return {
        "code": code_hash(settings.decode),
        "codecs": codecs_hash(registry.codecs),
        "rules": rules_hash(registry.rules),
        "topics": topics_hash(registry.topics),
    }
