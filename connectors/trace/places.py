"""From what a person has in hand to places in `raw`: `partition:offset`, or a correlation id."""

import re
import uuid

from connectors.sinks.clickhouse.store import Store
from connectors.trace.log_search import Search
from connectors.verify.core import Core
from streams.core.records import Lineage
from streams.settings import KafkaSettings

BY_ID = "SELECT DISTINCT raw_partition, raw_offset FROM raw_messages WHERE id = {id:String} ORDER BY ALL"
PLACE = re.compile(r"(\d{1,3}):(\d{1,12})")
BEFORE_MS, AFTER_MS = 60_000, 900_000
"""how far the log time of a record may lie from the time in its id: clocks differ, a spool may hold it back"""


def parse(text: str) -> Lineage | None:
    """The place that ``text`` names; None when it is no place, so perhaps a correlation id."""
    found = PLACE.fullmatch(text.strip())
    return Lineage(int(found[1]), int(found[2])) if found else None


def by_id_in_store(store: Store, correlation_id: str) -> list[Lineage]:
    """Places that the store knows of the id; usually one, several when a door had to send it again.

    Raises:
        Transient: the store is away.
    """
    return [Lineage(int(p), int(o)) for p, o in store.rows(BY_ID, {"id": correlation_id})]


def by_id_in_log(settings: KafkaSettings, core: Core, correlation_id: str) -> list[Lineage]:
    """Places in `raw` near the time that the id tells (UUIDv7); none for an id that tells none.

    Raises:
        KafkaException: the log does not answer.
    """
    at_ms = told_ms(correlation_id)
    if at_ms is None:
        return []
    needle, found = correlation_id.encode(), list[Lineage]()
    for message in Search(settings, "raw", at_ms - BEFORE_MS, at_ms + AFTER_MS).messages():
        value = message.value() or b""
        if needle in value and core.identity(value) == correlation_id:
            found.append(Lineage(message.partition() or 0, message.offset() or 0))
    return found


def told_ms(correlation_id: str) -> int | None:
    """The time in a UUIDv7, ms since the epoch."""
    try:
        number = uuid.UUID(correlation_id)
    except ValueError:
        return None
    return number.int >> 80 if number.version == 7 else None
