"""What sink `clickhouse-log` stores beside dead letters, raw messages and the registry, against the topics.

What it had committed before anything was read must be there, so nothing is waited for.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import closing

from clickhouse_connect.driver.client import Client
from msgspec import Struct

from connectors.sinks.clickhouse.log_sink import LogSink
from connectors.sinks.dead_letters import place_in
from connectors.verify import log_side, raw_side, registry_side, store_side
from connectors.verify.compare import Difference
from connectors.verify.live import Ends
from connectors.verify.log_side import LogSide
from connectors.verify.raw_side import Judge
from connectors.verify.scope import Scope
from streams.commits import Commits
from streams.core.records import DeadLetter
from streams.settings import KafkaSettings, Settings


class Compared(Struct, frozen=True):
    """What differs; table -> records that the sink has not committed and that are not there. A table without commits is left out."""

    differences: list[Difference]
    behind: Counter[str]


def committed(settings: KafkaSettings, partitions: Iterable[int]) -> dict[str, dict[int, int]]:
    """Topic -> partition -> where the sink goes on; ``partitions``: of `raw`.

    Raises:
        KafkaException: Kafka does not say.
    """
    topics = {"raw": partitions, **dict.fromkeys(registry_side.TOPICS, (0,))}
    with Commits(settings) as commits:
        return {topic: commits.of(f"sink-{LogSink.name}", topic, places) for topic, places in topics.items()}


def compare(
    settings: Settings, log: LogSide, begins: Ends, committed: Mapping[str, Ends], letters: Iterable[DeadLetter]
) -> Compared:
    """Compare what ``log`` says, and the registry's topics; ``letters``: among them those of the sink.

    ``begins``: of `raw`, asked after it was read: of what Kafka deleted meanwhile, nobody knows which rows there may be.

    Raises:
        TimeoutError, KafkaException: the log does not answer.
        clickhouse_connect.driver.exceptions.Error: the store does not answer.
    """
    refused = [letter for letter in letters if letter.stage == f"sink:{LogSink.name}"]
    found = Compared([], Counter())
    with closing(store_side.connect(settings.clickhouse)) as client:
        if log.scope.device is None:
            judge = Judge(committed["raw"], {(letter.raw_partition, letter.raw_offset) for letter in refused})
            _compare_raw(settings.kafka, client, log, begins, judge)
            _note(found, judge.difference(), judge.behind, known=bool(committed["raw"]))
        for topic in (topic for topic in registry_side.TOPICS if registry_side.takes(topic, log.scope)):
            end, places = committed[topic].get(0, 0), set(map(place_in, refused))
            _note(found, *_compare_registry(settings.kafka, client, topic, end, log.scope, places), known=end > 0)
    return found


def _note(found: Compared, difference: Difference, behind: int, *, known: bool) -> None:
    if known:
        found.differences.append(difference)
    found.behind.update({difference.table: behind} if behind else {})


def _compare_raw(settings: KafkaSettings, client: Client, log: LogSide, begins: Ends, judge: Judge) -> None:
    floors = {partition: max(start, begins.get(partition, start)) for partition, start in log.starts.items()}
    tops = raw_side.look(client, log.rows, floors, log.ends, log.scope, judge)
    if tops:
        raw_side.beyond(client, tops, log_side.ends(settings), log.scope, judge)


def _compare_registry(
    settings: KafkaSettings, client: Client, topic: str, end: int, scope: Scope, refused: set[str]
) -> tuple[Difference, int]:
    told, after = registry_side.read(settings, topic)
    found = registry_side.stored(client, topic)
    newer = range(after, log_side.ends(settings, topic)[0])
    return registry_side.compare(topic, told, found, end, newer, scope, refused)
