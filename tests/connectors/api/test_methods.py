"""405 says what a path knows, also where another route would take the path for a uid or a wish of its own."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.connectors.api.memory import Api


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with asyncio.Runner() as runner:
        yield Api(runner)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/api/physical/devices/unmapped", "GET"),
        ("GET", "/api/logical/devices/bulk", "POST"),
        ("POST", "/api/replays/1/diff", "GET"),
        ("OPTIONS", "/api/replays/1/diff", "GET"),
        ("PUT", "/api/physical/devices/1", "DELETE, GET"),
        ("DELETE", "/broker/api/physical/devices/unmapped/", "GET"),
    ],
)
def test_other_methods_get_405_and_what_there_is(api: Api, method: str, path: str, allowed: str) -> None:
    answer = api(method, path)

    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)


def test_what_is_no_number_is_invalid(api: Api) -> None:
    assert api("GET", "/api/physical/devices/abc").status_code == 422


def test_the_document_does_not_grow_by_being_read(api: Api) -> None:
    first = api("GET", "/openapi.json").content

    assert api("GET", "/openapi.json").content == first
