"""Opens generations: from which offsets on which code, codecs, rules and signed topics decode.

A generation is opened when code, codecs, rules or signed topics differ from the newest one's, or when a person asks;
nothing else opens one. Which generation a record is decoded in: ``streams/agents/generations.py``.

It is opened in two steps, because its fences must not lie behind what agents decode before they hear of it. First it is
announced, without fences. Then the ends of ``raw`` are read, which are its fences. Whatever comes at a fence or later was
appended after the announcement; an agent asks for announcements before it decodes, and waits for the fences of one.
"""

from collections.abc import Mapping, Set

from confluent_kafka import TopicPartition
from confluent_kafka.admin import OffsetSpec  # type: ignore[attr-defined]  # not in its __all__
from msgspec.structs import replace

from streams import kafka
from streams.core.records import Generation
from streams.core.times import DAY
from streams.registry.hashes import codecs_hash, rules_hash, topics_hash
from streams.registry.state import GENERATIONS, Author, Change, State
from streams.scan import ends_of
from streams.settings import KafkaSettings

ANSWER_S, MS = 10, 1_000_000


def why_due(state: State, code: str) -> str | None:
    """Why a generation must be opened now; None when the newest one still says how this process would decode."""
    newest, now = state.newest_generation(), hashes(state, code)
    if newest is None:
        return "the first generation"
    differing = [part for part, value in now.items() if getattr(newest, part) != value]
    return f"{' and '.join(differing)} changed" if differing else None


def announce(state: State, author: Author, code: str, above: int = 0) -> list[Change]:
    """The next generation, with this ``code_hash``, as yet without fences; of a number beyond ``above``."""
    number = max(highest(state), above) + 1
    announced = Generation(
        number=number, fences={}, opened_at=author.at, opened_by=author.name, why=author.why, **hashes(state, code)
    )
    return [Change(GENERATIONS, str(number), announced)]


def highest(state: State) -> int:
    """The highest number that the registry knows to have been given, also of one that it has lost; 0: none.

    A row of a lost generation would stand above those of one that takes its number again.
    """
    numbers = [replay.generation for replay in state.replays.values()]
    numbers += [replay.undo_generation for replay in state.replays.values()]
    return max([*state.generations, *(number or 0 for number in numbers)], default=0)


def announced(state: State) -> frozenset[int]:
    """The numbers of generations that have no fences yet."""
    return frozenset(number for number, held in state.generations.items() if not held.fences)


def fence(state: State, numbers: Set[int], ends: Mapping[int, int], at: int) -> list[Change]:
    """Give announced generations their fences; the first one begins at the beginning.

    ``ends``: offsets of ``raw`` that were read after the announcement, before ``at`` (ns).
    """
    first = min(state.generations, default=0)
    fences = {str(partition): offset for partition, offset in sorted(ends.items())}
    begins = {number: dict.fromkeys(fences, 0) if number == first else fences for number in numbers & announced(state)}
    fenced = (replace(state.generations[n], fences=found, opened_at=at) for n, found in begins.items())
    return [Change(GENERATIONS, str(generation.number), generation) for generation in fenced]


def hashes(state: State, code: str) -> dict[str, str]:
    """What decides on readings besides the raw bytes and the mapping."""
    return {
        "code": code,
        "codecs": codecs_hash(state.codecs.values()),
        "rules": rules_hash(state.rules.values()),
        "topics": topics_hash(state.signed_topics.values()),
    }


def fences(settings: KafkaSettings) -> dict[int, int]:
    """Where in ``raw`` a generation that is opened now begins, per partition: at the end; blocks.

    Never before it, though no agent may seem to run: a frozen one is in no group, and has decoded more than it committed.

    Raises:
        KafkaException: Kafka is away.
    """
    reader = kafka.consumer(settings, None)
    try:
        return ends_of(reader, kafka.topic(settings, "raw"))
    finally:
        reader.close()


def appended_at(settings: KafkaSettings) -> dict[int, int]:
    """When Kafka appended the newest record of each partition of ``raw``, ns; those for which it does not say are left out.

    It does not where it has no record, and where not all replicas have the newest one yet; blocks.

    Raises:
        KafkaException: Kafka is away.
    """
    reader = kafka.consumer(settings, None)
    try:
        partitions = list(ends_of(reader, topic := kafka.topic(settings, "raw")))
    finally:
        reader.close()
    newest = OffsetSpec.max_timestamp()  # type: ignore[no-untyped-call]  # the client's own stub forgot it
    admin = kafka.admin(settings)  # kept: futures of one that is gone are never done
    answers = admin.list_offsets({TopicPartition(topic, p): newest for p in partitions})
    times = {asked.partition: int(answer.result(ANSWER_S).timestamp) for asked, answer in answers.items()}
    return {partition: time * MS for partition, time in times.items() if time >= 0}


def opened_at(now: int, ends: Mapping[int, int], appended: Mapping[int, int]) -> int:
    """When a generation with these fences was opened: never before a record that stands before them was appended.

    Coverage rests on that (``streams.core.coverage``). ``appended``, read after ``ends``, is proof enough when it tells of
    each partition that has had records. Then ``now``, by this host's clock, is believed for a day beyond: it is what people
    expect to see, but a clock that is years ahead would make repairs of all windows for years. Else ``now`` must do.
    """
    newest, owed = max(appended.values(), default=0), {partition for partition, end in ends.items() if end > 0}
    if owed and owed <= appended.keys():
        now = min(now, newest + DAY)
    return max(now, newest)
