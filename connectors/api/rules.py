"""Routes of normalisation rules. Changing one opens a generation; what was decoded before asks for a replay."""

import asyncio
import shlex
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict
from starlette.responses import Response

from connectors.api.bodies import Text
from connectors.api.context import By, Registry, answer
from connectors.api.times import from_ns
from streams.core.records import Rule
from streams.registry import rules
from streams.registry.state import Refused

router = APIRouter(prefix="/rules", tags=["rules"])
Id = Annotated[str, Path(min_length=1, max_length=200)]
CONVERTED: JsonDict = {"from": "temp_f", "to": "air.temperature", "unit_from": "°F", "source": "wombat"}
SCALED: JsonDict = {"from": "level_mm", "to": "tank.level", "unit": "m", "scale": 0.001}
SHOWN: JsonDict = {
    "id": "levels", "source": "", "model": "", "device": "ttn:70b3d57ed0051a2b", "from": "level_mm", "to": "tank.level",
    "unit": "m", "scale": 0.001, "offset": 0.0, "drop": False, "changed_at": "2026-11-02T12:00:00+00:00",
    "changed_by": "ann", "why": "sent in mm", "replay": "isthmus replay run --device ttn:70b3d57ed0051a2b --why 'rule levels'",
}  # fmt: skip


class PlainRule(BaseModel):
    """What values called ``from`` become: ``to``, times ``scale`` plus ``offset``, in ``unit``; or nothing, with ``drop``.

    Empty ``source``, ``model`` and ``device`` match all of them; the rule for a device goes before one for a model, then
    one for a source. Without ``unit`` a standard name brings its own, else the value keeps what it has.
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True, json_schema_extra={"examples": [SHOWN]})

    source: Text = ""
    model: Text = ""
    device: Text = ""
    measurement: str = Field(alias="from", min_length=1, max_length=200)
    target: str | None = Field(None, alias="to", max_length=200)
    unit: str | None = Field(None, max_length=200)
    scale: float = Field(1.0, allow_inf_nan=False)
    offset: float = Field(0.0, allow_inf_nan=False)
    drop: bool = False


class GivenRule(PlainRule):
    """As ``PlainRule``; with ``unit_from``, the vendor's unit, ``scale`` and ``offset`` are computed and not given."""

    model_config = ConfigDict(json_schema_extra={"examples": [CONVERTED, SCALED]})

    unit_from: str | None = Field(None, min_length=1, max_length=200)


class ShownRule(PlainRule):
    """A rule in force; ``replay``: the command that shows what it changes in what was decoded before."""

    id: str
    changed_at: str
    changed_by: str
    why: str
    replay: str


@router.get("", response_model=list[ShownRule])
async def listed(registry: Registry) -> Response:
    """Every rule in force, by id."""
    held = registry.state.rules
    return answer([shown(held[name]) for name in sorted(held)])


@router.get("/{id:path}", response_model=ShownRule)
async def one(registry: Registry, id: Id) -> Response:
    """One rule. 404: there is none."""
    return answer(shown(rules.found(registry.state, id)))


@router.put("/{id:path}", response_model=ShownRule)
async def put(registry: Registry, by: By, id: Id, body: GivenRule) -> Response:
    """Add or replace a rule. 400: it would do nothing, or its units cannot be. 409: another one is for the same values."""
    told = await asyncio.to_thread(converted, body)
    await registry.change(partial(rules.put, id=id, told=told, author=by))
    return answer(shown(rules.found(registry.state, id)))


@router.delete("/{id:path}", response_model=ShownRule)
async def remove(registry: Registry, by: By, id: Id) -> Response:
    """Remove a rule; answers what it was. 404: there is none."""
    gone = rules.found(registry.state, id)
    await registry.change(partial(rules.remove, id=id, author=by))
    return answer(shown(gone))


def shown(rule: Rule) -> dict[str, Any]:
    """As ``ShownRule``."""
    told = {name: getattr(rule, name) for name in ("id", "source", "model", "device")}
    done = {"from": rule.measurement, "to": rule.target, "unit": rule.unit, "scale": rule.scale, "offset": rule.offset}
    changed = {"changed_at": from_ns(rule.changed_at), "changed_by": rule.changed_by, "why": rule.why}
    return {**told, **done, "drop": rule.drop, **changed, "replay": replay(rule)}


def converted(body: GivenRule) -> dict[str, Any]:
    """The fields of the rule; raises ``Refused`` 400 when the vendor's unit cannot become the rule's."""
    told = body.model_dump(exclude={"unit_from"})
    if body.unit_from is None:
        return told
    from connectors import units  # noqa: PLC0415 - its table of units takes long to load, and few rules need it

    try:
        return told | units.computed(body.unit_from, told, name=body.target or body.measurement)
    except units.NoConversion as refusal:
        raise Refused(400, f"{refusal}.") from refusal


def replay(rule: Rule) -> str:
    """The command that decodes anew what the rule may be about: a dry run, nothing is changed by it.

    A model alone chooses no raw records: then, as for a rule without limits, all of them are read.
    """
    chosen = ["--device", rule.device] if rule.device else ["--source", rule.source] if rule.source else []
    return shlex.join(["isthmus", "replay", "run", *chosen, "--why", f"rule {rule.id}"])
