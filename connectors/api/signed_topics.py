"""Routes of topics of signed messages. A topic may hold slashes, and so does its address."""

from functools import partial
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from connectors.api import signed_topic_shapes as shapes
from connectors.api.context import ADMINS, By, Registry, answer
from streams.registry import signed_topics

router = APIRouter(prefix="/signed-topics", tags=["signed topics"])
At = Annotated[shapes.Topic, Path(description="as it is, with its slashes")]


@router.get("", response_model=list[shapes.ShownSignedTopic])
async def listed(registry: Registry) -> Response:
    """Registered topics by name; of their keys only fingerprints."""
    held = registry.state.signed_topics
    return answer([shapes.shown(held[topic]) for topic in sorted(held)])


@router.get("/{topic:path}", response_model=shapes.ShownSignedTopic)
async def one(registry: Registry, topic: At) -> Response:
    """One topic."""
    return answer(shapes.shown(signed_topics.found(registry.state, topic)))


@router.post("", status_code=201, response_model=shapes.ShownSignedTopic, dependencies=[ADMINS])
async def add(request: Request, registry: Registry, by: By, body: shapes.NewSignedTopic) -> Response:
    """Register a topic; a generation opens for it. 409: it is registered already.

    What it sent before waits as dead letters: replay them (mode `dead-letters`, reason `unregistered-topic`).
    """
    record, keys = body.record(body.topic), body.given_keys() or []
    await registry.change(partial(signed_topics.add, topic=record, keys=keys, author=by))
    address = request.url.replace(path=f"{request.state.path.rstrip('/')}/{quote(body.topic)}", query="")
    return answer(shapes.shown(registry.state.signed_topics[body.topic]), 201, str(address))


@router.put("/{topic:path}", response_model=shapes.ShownSignedTopic, dependencies=[ADMINS])
async def put(registry: Registry, by: By, topic: At, body: shapes.SignedTopicBody) -> Response:
    """Register a topic, or say anew what holds for it. Without `keys` they stay; a fingerprint keeps one of them.

    Keep a key that has ended, with its `not_after`: a replay of what it signed needs it.
    """
    record, keys = body.record(topic), body.given_keys()
    await registry.change(partial(signed_topics.replace, topic=record, keys=keys, author=by))
    return answer(shapes.shown(registry.state.signed_topics[topic]))


@router.delete("/{topic:path}", status_code=204, response_class=Response, dependencies=[ADMINS])
async def remove(registry: Registry, by: By, topic: At) -> Response:
    """Forget a topic and its keys; what is stored stays."""
    await registry.change(partial(signed_topics.remove, topic=topic, author=by))
    return Response(status_code=204)
