"""Lists of devices: filtered, sorted, and page by page.

Without ``limit`` a list is whole, as IoTa's are. With it, ``X-Total-Count`` says how many there are, and ``Link`` (RFC
8288) where the next page is.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Any, Literal, TypeVar

from fastapi import Depends, Query, Request
from starlette.responses import Response

from connectors.api.context import answer
from connectors.api.view import State, View, _view
from streams.core.records import LogicalDevice, PhysicalDevice

D = TypeVar("D", PhysicalDevice, LogicalDevice)
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
        self, held: Mapping[int, D], show: Callable[[D], dict[str, Any]], wanted: Callable[[D], bool] | None = None
    ) -> Response:
        """The answer: the devices of ``held`` (by uid) that are wanted, in order, and of them one page."""
        found = [device for device in self._ordered(held) if self._matches(device) and (not wanted or wanted(device))]
        page = islice(found, self.offset, None if self.limit is None else self.offset + self.limit)
        response = answer([show(device) for device in page])
        if self.limit is not None:
            response.headers["X-Total-Count"] = str(len(found))
            self._link(response, len(found))
        return response

    def _ordered(self, held: Mapping[int, D]) -> Iterable[D]:
        field, backwards = self.sort.lstrip("-"), self.sort.startswith("-")
        if field == "uid":
            return (held[uid] for uid in sorted(held, reverse=backwards))
        return sorted(held.values(), key=SORTED_BY[field], reverse=backwards)

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
