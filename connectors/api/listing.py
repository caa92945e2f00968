"""Lists of devices: filtered, sorted, and page by page.

Without ``limit`` a list is whole, as IoTa's are. With it, ``X-Total-Count`` says how many there are, and ``Link`` (RFC
8288) where the next page is.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import Depends, Query, Request
from starlette.responses import Response

from connectors.api.context import answer
from connectors.api.view import State, View, _view
from streams.core.records import LogicalDevice, PhysicalDevice
from streams.registry.state import State as Registered

Sort = Literal["uid", "-uid", "name", "-name", "last_seen", "-last_seen"]
SORTED_BY: dict[str, Callable[[Any], Any]] = {
    "name": lambda device: (device.name.casefold(), device.uid),
    "last_seen": lambda device: (device.last_seen or 0, device.uid),
}


@dataclass(frozen=True)
class Listing:
    """What of a list is asked for."""

    request: Request
    view: View
    name: str
    state: State | None
    sort: Sort
    limit: int | None
    offset: int

    def of(
        self,
        state: Registered,
        topic: str,
        show: Callable[[Any], dict[str, Any]],
        wanted: Callable[[Any], bool] | None = None,
    ) -> Response:
        """The answer: the devices of ``topic`` that are wanted, in order, and of them one page."""
        held, uids = state.devices(topic), self._ordered(state, topic)
        if self.name or self.state or wanted:
            uids = [uid for uid in uids if self._matches(held[uid]) and (not wanted or wanted(held[uid]))]
        page = uids[self.offset : None if self.limit is None else self.offset + self.limit]
        response = answer([show(held[uid]) for uid in page])
        if self.limit is not None:
            response.headers["X-Total-Count"] = str(len(uids))
            self._link(response, len(uids))
        return response

    def _ordered(self, state: Registered, topic: str) -> Sequence[int]:
        field, backwards = self.sort.lstrip("-"), self.sort.startswith("-")
        if field == "uid":
            return state.uids(topic)[::-1] if backwards else state.uids(topic)
        held = state.devices(topic)
        return sorted(held, key=lambda uid: SORTED_BY[field](held[uid]), reverse=backwards)

    def _matches(self, device: PhysicalDevice | LogicalDevice) -> bool:
        if self.name and self.name not in device.name.casefold():
            return False
        return self.state is None or self.view.state(device.last_seen) == self.state

    def _link(self, response: Response, total: int) -> None:
        after = self.offset + (self.limit or 0)
        if after < total:
            here = self.request.url.replace(path=self.request.state.path)
            response.headers["Link"] = f'<{here.include_query_params(offset=after)}>; rel="next"'


async def _listing(
    request: Request,
    view: Annotated[View, Depends(_view)],
    name: Annotated[str, Query(max_length=1000, description="part of the name, in any case")] = "",
    state: Annotated[State | None, Query(description="only devices that are live, late or missing now")] = None,
    sort: Annotated[Sort, Query(description="a minus in front: backwards")] = "uid",
    limit: Annotated[int | None, Query(ge=1, le=10_000, description="at most so many; default: all")] = None,
    offset: Annotated[int, Query(ge=0, le=2**53, description="leave out so many")] = 0,
) -> Listing:
    return Listing(request, view, name.casefold(), state, sort, limit, offset)


Listed = Annotated[Listing, Depends(_listing)]
