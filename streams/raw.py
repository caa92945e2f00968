"""Opening what stands in topic ``raw``: bytes and the time at which Kafka appended them become a raw record."""

from collections.abc import Mapping
from typing import Any

from streams import avro
from streams.core.receipt import TOLERANCE, by_log_time
from streams.core.records import RawRecord
from streams.core.times import SECOND
from streams.settings import Settings


def opened(value: bytes | None, appended_at: int, offset: int, confluent: Mapping[int, Any] | None = None) -> RawRecord:
    """The raw record at ``offset`` as everybody decodes it; ``appended_at`` in ns, ``confluent``: foreign schemas by id.

    Raises:
        AvroError: the bytes hold none.
    """
    return by_log_time(avro.decode(value or b"", RawRecord, confluent), appended_at, offset)


def receipt_ahead(settings: Settings) -> int:
    """How much later than appending, by the clock of any broker, a receipt may be; ns."""
    return settings.window.grace_s * SECOND + TOLERANCE


def point_ahead(settings: Settings) -> int:
    """How much later than appending its record a point may be; ns."""
    return settings.decode.future_limit_s * SECOND + receipt_ahead(settings)
