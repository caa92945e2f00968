"""When a message was received, by the clock of Kafka where the connector's own is ahead of it.

Everything that is not in the future when it is decoded rests on one fact: nothing was received after it was appended
(``streams.core.coverage``). A connector whose clock is ahead breaks it, and what it wrote would lie where nobody expects it.
"""

from msgspec.structs import replace

from streams.core.records import RawRecord
from streams.core.times import MILLISECOND, MINUTE

TOLERANCE = MINUTE
"""Within it the connector's word counts: it says the same of a record and its second copy, Kafka does not."""


def by_log_time(raw: RawRecord, appended_at: int, offset: int) -> RawRecord:
    """``raw``, as received when Kafka appended it (ns), if it says that it was received later than that.

    Kafka gives all records of a batch the same millisecond: below it the ``offset`` keeps them apart and in their order.
    """
    if raw.received_at <= appended_at + TOLERANCE:
        return raw
    return replace(raw, received_at=appended_at + offset % MILLISECOND)
