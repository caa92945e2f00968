"""Route of raw messages: what was received, by source and time, for whoever wants to look at it or take it along."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from connectors.api.context import Has
from connectors.api.period import Asked, Period
from connectors.api.streaming import lines, rows, streamed
from connectors.api.times import from_ns
from streams.settings import ClickHouseSettings

router = APIRouter(tags=["readings"])
MEDIA_TYPE = "application/x-ndjson"


@router.get("/raw", response_class=Response, responses={200: {"content": {MEDIA_TYPE: {}}}})
async def raw(
    has: Has, period: Asked, source: Annotated[str, Query(max_length=1000, description="default: every source")] = ""
) -> Response:
    """Messages as received in a period (by receipt), in the order of the log, one JSON document a line.

    ``payload`` is the message's text, ``payload_base64`` its bytes where they are no UTF-8. `isthmus replay` decodes them anew.
    """
    return await streamed(lines(_messages(has.settings.clickhouse, source, period)), MEDIA_TYPE)


def _messages(settings: ClickHouseSettings, source: str, period: Period) -> Iterator[dict[str, Any]]:
    asked = {"source": source, "start": period.start, "end": period.end}
    return map(_shown, rows(settings, "raw_messages_received", asked))


def _shown(row: Sequence[Any]) -> dict[str, Any]:
    partition, offset, correlation, source, transport, address, received, content_type, headers, text, base64 = row
    said = {"payload": text} if base64 is None else {"payload_base64": base64}
    return {
        "raw": f"{partition}@{offset}",
        "id": correlation,
        "source": source,
        "transport": transport,
        "address": address,
        "received_at": from_ns(received),
        "content_type": content_type,
        "headers": dict(headers),
        **said,
    }
