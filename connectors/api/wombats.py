"""Routes of scripts for Wombat nodes: fetch logs or data, update the firmware, take a script back."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from connectors.api import wombat_scripts as scripts
from connectors.api.context import Has, answer
from connectors.api.wombat_scripts import BrokerAway
from streams.registry.state import Refused
from streams.registry.store import Unavailable
from streams.settings import MqttBroker

router = APIRouter(prefix="/wombats", tags=["wombats"])


class NewScript(BaseModel):
    """What the node is to do when it next wakes: send its logs or data by FTP, or update its firmware."""

    action: Literal["logs", "data", "ota"]

    model_config = ConfigDict(json_schema_extra={"examples": [{"action": "logs"}]})


class ShownScript(BaseModel):
    """``script``: what waits for the node; null: nothing, or the node has taken it."""

    uid: int
    serial_no: str
    script: str | None


class Node(BaseModel):
    """A Wombat, and the broker that it speaks to."""

    model_config = ConfigDict(arbitrary_types_allowed=True)
    uid: int
    serial_no: str
    broker: MqttBroker


async def _node(has: Has, uid: int) -> Node:
    device = has.store.state.physical_device(uid)
    serial, broker = device.source_ids.get("serial_no", ""), scripts.broker_of(has.settings.mqtt)
    if device.source != scripts.SOURCE or broker is None:
        raise Refused(409, f"Physical device {uid} is no Wombat." if broker else "No MQTT broker of Wombats is set.")
    try:
        scripts.topic(serial)
    except ValueError as error:
        raise Refused(409, f"Physical device {uid}: {error}.") from error
    return Node(uid=uid, serial_no=serial, broker=broker)


Found = Annotated[Node, Depends(_node)]


@router.get("/{uid}/script", response_model=ShownScript)
async def waiting(node: Found) -> Response:
    """The script that waits for a Wombat, by its physical uid. 503: the MQTT broker does not answer."""
    try:
        return answer(_shown(node, await scripts.waiting(node.broker, node.serial_no)))
    except BrokerAway as error:
        raise Unavailable(str(error)) from error


@router.put("/{uid}/script", response_model=ShownScript)
async def leave(node: Found, body: NewScript) -> Response:
    """Leave a script for a Wombat, in place of one that waits."""
    return await _left(node, scripts.SCRIPTS[body.action])


@router.delete("/{uid}/script", response_model=ShownScript)
async def take_back(node: Found) -> Response:
    """Take back the script that waits for a Wombat."""
    return await _left(node, None)


async def _left(node: Node, script: str | None) -> Response:
    try:
        await scripts.leave(node.broker, node.serial_no, script)
    except BrokerAway as error:
        raise Unavailable(str(error)) from error
    return answer(_shown(node, script))


def _shown(node: Node, script: str | None) -> dict[str, Any]:
    return {"uid": node.uid, "serial_no": node.serial_no, "script": script}
