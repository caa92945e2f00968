"""Give the fleet its places, over the API, before its first message."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import httpx
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from connectors.simulator.fleet import Device

PATIENCE_S, PAUSE_S = 60, 0.5


class Away(Exception):
    """The API does not answer now; worth another try."""


class Api:
    """The registry API; ``token`` is asked for with each call, since a restarted API has a new one."""

    def __init__(self, url: str, token: Callable[[], str | None]) -> None:
        self._client, self._token = httpx.Client(base_url=f"{url}/api", timeout=10), token

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """What the API answers.

        Raises:
            Away: nobody answers, or a process that has just been started.
            httpx.HTTPStatusError: refused.
        """
        headers = {"Authorization": f"Bearer {self._token() or ''}"}
        try:
            answer = self._client.request(method, path, json=body, headers=headers)
        except httpx.TransportError as error:
            raise Away(f"the API does not answer: {error}") from error
        if answer.status_code in (401, 503):
            raise Away(f"the API answers {answer.status_code} {answer.text}")
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


def patiently(call: Callable[..., Any], *arguments: Any) -> Any:
    """What ``call`` answers, which is asked again until the API is there.

    Raises:
        Away: for longer than PATIENCE_S.
    """
    patient = Retrying(
        stop=stop_after_delay(PATIENCE_S), wait=wait_fixed(PAUSE_S), retry=retry_if_exception_type(Away), reraise=True
    )
    return patient(call, *arguments)


def place_name(number: int, source: str) -> str:
    """The logical device of the fleet's box with that number."""
    return f"Paddock {number} ({source})"


def text_of(time: int) -> str:
    """ISO 8601 of ns since the epoch."""
    return datetime.fromtimestamp(time / 1e9, UTC).isoformat()


def map_fleet(api: Api, fleet: Sequence[Device], start: int) -> int:
    """Create each box and its logical device and map them from ``start`` (ns) on; the last box stays unmapped.

    Every step looks first whether it is done already, so that it can be tried again after a lost answer.

    Returns:
        how many mappings there are.

    Raises:
        Away: for longer than PATIENCE_S.
        httpx.HTTPStatusError: the API refused.
    """
    since = text_of(start)
    for box in fleet:
        patiently(settle_box, api, box, None if box is fleet[-1] else since)
    return len(fleet) - 1


def settle_box(api: Api, box: Device, since: str | None) -> None:
    """Create a box, and unless ``since`` (ISO 8601) is None its logical device; map it from then on."""
    boxes = {known["device"]: known["uid"] for known in api.call("GET", "/physical/devices/")}
    physical = {"source_name": box.source, "name": f"{box.source} {box.number}", "source_ids": box.source_ids}
    uid = boxes.get(box.key) or api.call("POST", "/physical/devices/", physical)["uid"]
    if since is None or uid in {mapping["pd"] for mapping in api.call("GET", "/mappings/current/")}:
        return
    name = place_name(box.number, box.source)
    places = {known["name"]: known["uid"] for known in api.call("GET", "/logical/devices/")}
    place = places.get(name) or api.call("POST", "/logical/devices/", {"name": name})["uid"]
    api.call("POST", "/mappings/", {"pd": uid, "ld": place, "start_time": since})
