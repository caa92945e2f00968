"""Routes of replays: plan, ask, look, wish, and report on them."""

from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from confluent_kafka import KafkaException
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from connectors.api import replay_shapes as shapes
from connectors.api.context import By, Has, answer
from connectors.api.documents import NO_DIFF
from connectors.api.streaming import asked
from connectors.sinks.base import Transient
from streams.core.replay_record import Replay
from streams.registry import replay_reports, replays
from streams.registry.state import REPLAYS, Change, Refused, State
from streams.registry.store import Unavailable
from streams.replay.store import Difference, ReplayStore, Sample
from streams.settings import Settings

router = APIRouter(prefix="/replays", tags=["replays"])
T = TypeVar("T")
Limit = Annotated[int, Query(ge=1, le=10_000)]
DIFFED = frozenset({"ready", "applying", "applied", "undoing", "undone"})
"""States in which there is a diff."""


@router.post("/plan")
async def planned(has: Has, body: shapes.PlanBody) -> Response:
    """What a replay would read, from where, and what is missing; nothing is done."""
    from streams.replay import plan  # noqa: PLC0415 - brings the readers of the archive, which nothing else here needs

    try:
        found = await asked(plan.plan, has.settings, body.selection.selection(), body.mode)
    except ValueError as error:
        raise Refused(400, str(error)) from error
    except (KafkaException, OSError) as error:
        raise Unavailable(f"The log or its archive does not answer: {error}") from error
    return answer(found)


@router.post("", status_code=201, response_model=shapes.ShownReplay)
async def create(request: Request, has: Has, by: By, body: shapes.NewReplay) -> Response:
    """Ask for a replay; a worker takes it up. It is a dry run unless ``apply`` is true."""
    author = msgspec.structs.replace(by, why=body.why)
    (change,) = await has.store.change(partial(replays.create, asked=body.asked(), author=author))
    address = request.url.replace(path=f"{request.state.path.rstrip('/')}/{change.key}", query="")
    return answer(_shown(has, int(change.key)), 201, str(address))


@router.get("", response_model=list[shapes.ShownReplay])
async def listed(has: Has) -> Response:
    """Every replay, newest first."""
    return answer([_shown(has, number) for number in sorted(has.store.state.replays, reverse=True)])


@router.get("/{number}", response_model=shapes.ShownReplay)
async def one(has: Has, number: int) -> Response:
    """One replay; its progress is as of a second ago where the writing process answers."""
    return answer(_shown(has, number))


@router.post("/{number}/report", response_model=shapes.ShownReplay)
async def report(has: Has, by: By, number: int, body: shapes.RunnersReport) -> Response:
    """For the process that runs it: how far it is; the answer holds what people wish. 409: another one runs it."""
    said, desk = body.report(), has.desk
    desk.hear(replays.found(has.store.state, number), said.runner, by.at)

    def command(state: State) -> Sequence[Change]:
        recorded = replays.found(state, number)
        after = replay_reports.report(state, desk.held(recorded), said, by)
        desk.keep(after)
        return [Change(REPLAYS, str(number), after)] if replay_reports.is_due(recorded, after) else ()

    await has.store.change(command)
    return answer(_shown(has, number))


@router.post("/{number}/{wish}", status_code=202, response_model=shapes.ShownReplay)
async def wish(has: Has, by: By, number: int, wish: Literal["apply", "undo", "cancel", "retry"]) -> Response:
    """Wish that it be applied, undone, cancelled, or tried again where it failed. 409: not now, and why."""
    await has.store.change(partial(replays.wish, number=number, what=wish, author=by))
    return answer(_shown(has, number))


@router.get("/{number}/diff", response_model=list[shapes.ShownDifference], responses=NO_DIFF)
async def diff(
    has: Has, number: int, by: Literal["device", "measurement", "codec", "day"] = "device", limit: Limit = 50
) -> Response:
    """What would change, by device, measurement, codec or day, most differing first."""
    found: Sequence[Difference] = await _from_store(has, number, lambda store: store.groups(number, by, limit))
    return answer([shapes.difference(difference) for difference in found])


@router.get("/{number}/samples", response_model=list[shapes.ShownSample], responses=NO_DIFF)
async def samples(has: Has, number: int, limit: Limit = 50) -> Response:
    """Points before and after, spread over kinds and series."""
    found: Sequence[Sample] = await _from_store(has, number, lambda store: store.samples(number, limit))
    return answer([shapes.sample(sample) for sample in found])


async def _from_store(has: Has, number: int, ask: Callable[[ReplayStore], T]) -> T:
    replay = _newest(has, number)
    if (replay.failed_in or replay.state) not in DIFFED:
        raise Refused(409, f"Replay {number} is {replay.state}: it has no diff.")
    try:
        return await asked(_ask, has.settings, ask)
    except Transient as error:
        raise Unavailable(f"The store does not answer: {error}") from error


def _ask(settings: Settings, ask: Callable[[ReplayStore], T]) -> T:
    from connectors.sinks.clickhouse.replay import ClickHouseReplayStore  # noqa: PLC0415 - the registry needs no store

    with closing(ClickHouseReplayStore(settings)) as store:
        return ask(store)


def _shown(has: Has, number: int) -> dict[str, Any]:
    return shapes.replay(_newest(has, number))


def _newest(has: Has, number: int) -> Replay:
    return has.desk.shown(replays.found(has.store.state, number))
