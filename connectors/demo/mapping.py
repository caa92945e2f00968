"""Give the fleet its places, over the API, before its first message."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import httpx
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from connectors.simulator.fleet import Device

PATIENCE_S = 60


class Api:
    """The registry API with a token; a process that is just being restarted is waited for."""

    def __init__(self, url: str, token: str) -> None:
        self._client = httpx.Client(base_url=f"{url}/api", timeout=10, headers={"Authorization": f"Bearer {token}"})

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """POST, and what was answered.

        Raises:
            httpx.HTTPStatusError: refused.
        """
        return self._call("POST", path, json=body)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _call(self, method: str, path: str, **arguments: Any) -> Any:
        """A repeated POST after a lost answer may be refused as done already; nothing is created twice by it."""
        patient = Retrying(
            stop=stop_after_delay(PATIENCE_S), wait=wait_fixed(0.5), retry=retry_if_exception_type(_Away), reraise=True
        )
        return patient(self._once, method, path, **arguments)

    def _once(self, method: str, path: str, **arguments: Any) -> Any:
        try:
            answer = self._client.request(method, path, **arguments)
        except httpx.TransportError as error:
            raise _Away(f"the API does not answer: {error}") from error
        if answer.status_code == 503:
            raise _Away(f"the API answers 503: {answer.text}")
        answer.raise_for_status()
        return answer.json() if answer.content else None


class _Away(Exception):
    """Try again."""


def place_name(number: int, source: str) -> str:
    """The logical device of the fleet's box with that number."""
    return f"Paddock {number} ({source})"


def map_fleet(api: Api, fleet: Sequence[Device], start: int) -> int:
    """Create each box and its logical device and map them from ``start`` (ns) on; the last box stays unmapped.

    Returns:
        how many mappings were started.
    """
    since = datetime.fromtimestamp(start / 1e9, UTC).isoformat()
    for box in fleet:
        physical = {"source_name": box.source, "name": f"{box.source} {box.number}", "source_ids": box.source_ids}
        created = api.post("/physical/devices/", physical)
        if box is not fleet[-1]:
            place = api.post("/logical/devices/", {"name": place_name(box.number, box.source)})
            api.post("/mappings/", {"pd": created["uid"], "ld": place["uid"], "start_time": since})
    return len(fleet) - 1
