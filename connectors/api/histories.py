"""Routes of histories: who changed what, when, why, and what it was before."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query
from starlette.responses import Response

from connectors.api import shapes
from connectors.api.context import ADMINS, Registry, answer
from connectors.api.times import from_ns
from streams.core.records import Interval
from streams.core.registry_records import RegistryChange
from streams.registry import history
from streams.registry.state import LOGICAL, MAPPING, NOTES, PHYSICAL, RULES, SIGNED_TOPICS, USERS, Refused, State

router = APIRouter(tags=["history"])
Limit = Annotated[int, Query(ge=1, le=10_000, description="at most so many, newest first")]
Changes = list[shapes.ShownChange]


@router.get("/physical/devices/{uid}/history", response_model=Changes)
async def physical(registry: Registry, uid: int, limit: Limit = 100) -> Response:
    """What was changed of a physical device, newest first; of a removed one too. Not that it was seen."""
    return _shown(registry.state, PHYSICAL, str(uid), limit, what="physical device")


@router.get("/logical/devices/{uid}/history", response_model=Changes)
async def logical(registry: Registry, uid: int, limit: Limit = 100) -> Response:
    """What was changed of a logical device, newest first; of a removed one too."""
    return _shown(registry.state, LOGICAL, str(uid), limit, what="logical device")


@router.get("/mappings/physical/history/{uid}", response_model=Changes)
async def mapping(registry: Registry, uid: int, limit: Limit = 100) -> Response:
    """What was done to the mapping of a physical device, newest first: each change holds all intervals before and after."""
    return _shown(registry.state, MAPPING, registry.state.physical_device(uid).device, limit, what="mapping")


@router.get("/physical/devices/notes/{uid}/history", response_model=Changes)
async def note(registry: Registry, uid: int, limit: Limit = 100) -> Response:
    """What was changed of a note, by its own uid, newest first."""
    return _shown(registry.state, NOTES, str(uid), limit, what="note")


@router.get("/users/{username}/history", response_model=Changes, dependencies=[ADMINS])
async def user(registry: Registry, username: str, limit: Limit = 100) -> Response:
    """What was changed of a user, newest first, without secrets; administrators only."""
    known = registry.state.user(username)
    if known is None:
        raise Refused(404, f"There is no user {username}.")
    return _shown(registry.state, USERS, str(known.uid), limit, what="user")


@router.get("/history/rules/{id:path}", response_model=Changes)
async def rule(registry: Registry, id: str, limit: Limit = 100) -> Response:
    """What was changed of a rule, newest first; of a removed one too."""
    return _shown(registry.state, RULES, id, limit, what="rule")


@router.get("/history/signed-topics/{topic:path}", response_model=Changes)
async def signed_topic(registry: Registry, topic: str, limit: Limit = 100) -> Response:
    """What was changed of a signed topic, newest first, without its keys; of a removed one too."""
    return _shown(registry.state, SIGNED_TOPICS, topic, limit, what="signed topic")


def _shown(state: State, topic: str, key: str, limit: int, *, what: str) -> Response:
    changes = history.told(state, topic, key)
    if not changes:
        raise Refused(404, f"There is no {what} {key}.")
    return answer([_written(change) for change in changes[:limit]])


def _written(change: RegistryChange) -> dict[str, Any]:
    """As ``ShownChange``: times as everywhere, mappings as the routes of mappings show them."""
    return {
        "kind": change.kind,
        "at": from_ns(change.at),
        "by": change.by,
        "why": change.why,
        "before": _fields(change.before),
        "after": _fields(change.after),
    }


def _fields(document: str) -> dict[str, Any]:
    fields = msgspec.json.decode(document, type=dict[str, Any])
    return {name: _readable(name, value) for name, value in fields.items()}


def _readable(name: str, value: Any) -> Any:
    if name == "intervals":
        return list(map(shapes.interval, msgspec.convert(value, list[Interval])))
    is_time = (name.endswith("_at") or name in {"at", "last_seen"}) and isinstance(value, int)
    return from_ns(value) if is_time else value
