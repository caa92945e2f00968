"""The route by which snapshots are restored and other systems' registries come in: whole records, many at a time."""

from functools import partial
from typing import Any

import msgspec
from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response

from connectors.api.context import ADMINS, By, Registry, answer
from streams.registry import whole_records
from streams.registry.state import KINDS, NUMBERED, Refused
from streams.registry.whole_records import Write

SHAPE: dict[str, Any] = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["topic", "key"],
        "properties": {
            "topic": {"type": "string"},
            "key": {"type": "string"},
            "record": {"type": ["object", "null"]},
            "was": {"type": ["string", "null"], "description": "identity of the record that the caller saw there"},
        },
    },
}
EXAMPLE = [{"topic": "sources", "key": "ttn", "was": None, "record": {"name": "ttn"}}]
BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": SHAPE, "example": EXAMPLE}}}}

router = APIRouter(prefix="/registry", tags=["registry"])


class Told(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One record, as a snapshot's line tells it, and the identity of what the caller saw at its key."""

    topic: str
    key: str
    record: msgspec.Raw = msgspec.Raw(b"null")
    was: str | None = None


_TOLD = msgspec.json.Decoder(list[Told])


class Written(BaseModel):
    """How many."""

    written: int


@router.post("/records", dependencies=[ADMINS], openapi_extra=BODY, response_model=Written)
async def put(request: Request, registry: Registry, by: By) -> Response:
    """Write whole records, all or none: for `isthmus registry restore` and `isthmus import`; administrators only.

    The rules of mappings and names are the caller's to keep. 409: the registry has changed since the caller read it.
    """
    writes = [_write(told) for told in _read(await request.body())]
    await registry.change(partial(whole_records.put, writes=writes, author=by))
    return answer({"written": len(writes)})


def _read(body: bytes) -> list[Told]:
    try:
        return _TOLD.decode(body)
    except (msgspec.MsgspecError, ValueError) as error:
        raise Refused(422, f"These are no records: {error}.") from None


def _write(told: Told) -> Write:
    kind = KINDS.get(told.topic) if told.topic in whole_records.KEYS else None
    if kind is None:
        raise Refused(422, f"The registry has no topic {told.topic}.")
    if bytes(told.record) == b"null":
        record = None
    else:
        try:
            record = msgspec.json.decode(told.record, type=kind)
        except (msgspec.MsgspecError, ValueError) as error:
            raise Refused(422, f"{told.topic} {told.key}: {error}.") from None
    _check_key(told, record)
    return Write(told.topic, told.key, record, told.was)


def _check_key(told: Told, record: msgspec.Struct | None) -> None:
    """A record under another's key would be a registry that nothing can read."""
    named = None if record is None else whole_records.key_of(told.topic, record)
    numbered = told.topic in NUMBERED
    if (named is not None and named != told.key) or (numbered and not (told.key.isdecimal() and told.key.isascii())):
        raise Refused(422, f"{told.topic} {told.key} is not the key of this record.")
