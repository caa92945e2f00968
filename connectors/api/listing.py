"""Lists of devices: filtered, sorted, and page by page.

Without ``limit`` a list is whole, as IoTa's are. With it, ``X-Total-Count`` says how many there are, and ``Link`` (RFC
8288) where the next page is.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from fastapi import Depends, Query, Request
from starlette.responses import Response

from connectors.api.context import answer
from connectors.api.view import State, View, _view
from streams.core.records import LogicalDevice, PhysicalDevice
from streams.registry.state import State as Registered

T = TypeVar("T")
Sort = Literal["uid", "-uid", "name", "-name", "last_seen", "-last_seen"]
SORTED_BY: dict[str, Callable[[Any], Any]] = {
    "name": lambda device: (device.name.casefold(), device.uid),
    "last_seen": lambda device: (device.last_seen or 0, device.uid),
}


@dataclass(frozen=True)
class Page:
    """Which part of a list is asked for."""

    request: Request
    limit: int | None
    offset: int

    def of(self, found: Sequence[T], show: Callable[[T], Any]) -> Response:
        """The answer: of everything that was found, the page."""
        response = answer([show(one) for one in found[self.offset : self._after]])
        if self._after is not None:
            response.headers["X-Total-Count"] = str(len(found))
            if self._after < len(found):
                here = self.request.url.replace(path=self.request.state.path)
                response.headers["Link"] = f'<{here.include_query_params(offset=self._after)}>; rel="next"'
        return response

    @property
    def _after(self) -> int | None:
        return None if self.limit is None else self.offset + self.limit


async def _page(
    request: Request,
    limit: Annotated[int | None, Query(ge=1, le=10_000, description="at most so many; default: all")] = None,
    offset: Annotated[int, Query(ge=0, le=2**53, description="leave out so many")] = 0,
) -> Page:
    return Page(request, limit, offset)


Paged = Annotated[Page, Depends(_page)]


@dataclass(frozen=True)
class Listing:
    """Which devices of a list are asked for."""

    page: Page
    view: View
    name: str
    state: State | None
    sort: Sort

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
        return self.page.of(uids, lambda uid: show(held[uid]))

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


async def _listing(
    page: Paged,
    view: Annotated[View, Depends(_view)],
    name: Annotated[str, Query(max_length=1000, description="part of the name, in any case")] = "",
    state: Annotated[State | None, Query(description="only devices that are live, late or missing now")] = None,
    sort: Annotated[Sort, Query(description="a minus in front: backwards")] = "uid",
) -> Listing:
    return Listing(page, view, name.casefold(), state, sort)


Listed = Annotated[Listing, Depends(_listing)]
