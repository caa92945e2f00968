"""Whatever its OpenAPI document allows, and what it does not, the API answers as the document says: schemathesis, seeded.

More by hand, against a served API: `schemathesis run http://127.0.0.1:5687/openapi.json -H "Authorization: Bearer …"`.
"""

import asyncio
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.connectors.api.memory import Api
from tests.connectors.api.test_app import REGISTERED

CASES = 2
"""per operation, for and against the document"""
CHECKS = [
    allow_header_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
]
WAITS_FOR_KAFKA = {"POST /api/generations", "POST /api/replays/plan"}
"""Answered after seconds, when there is no Kafka."""
Case = schemathesis.Case[Any]
Asked = Callable[..., httpx.Response]
EXPECTED = frozenset({503})
"""There is neither Kafka nor a store: only these failures are no fault."""


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with asyncio.Runner() as runner:
        yield Api(runner)


def answers(api: Asked, case: Case) -> None:
    """Ask, and hold the answer against the document."""
    asked = requests.Request(**_bare(case.as_transport_kwargs("http://api"))).prepare()
    headers = {name: value for name, value in asked.headers.items() if name.lower() != "authorization"}
    body = asked.body.encode() if isinstance(asked.body, str) else asked.body
    answer = api(case.method, asked.path_url, "admin", headers=headers, content=body)
    assert answer.status_code < 500 or answer.status_code in EXPECTED, f"{case.method} {asked.path_url}: {answer.text}"
    case.validate_response(answer, checks=CHECKS)


@pytest.mark.parametrize(("status", "content"), [(500, b"{}"), (418, b"{}"), (200, b"{}"), (200, b"[1]")])
def test_it_sees_an_answer_that_is_not_in_the_document(api: Api, status: int, content: bytes) -> None:
    document = schemathesis.openapi.from_dict(api("GET", "/openapi.json").json())
    case = document["/api/logical/devices"]["GET"].Case()
    request = httpx.Request("GET", "http://api/api/logical/devices")
    wrong = httpx.Response(status, headers={"content-type": "application/json"}, content=content, request=request)
    wrong.elapsed = timedelta()

    with pytest.raises((AssertionError, Failure, FailureGroup)):
        answers(lambda *_, **__: wrong, case)


def _bare(arguments: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if name in requests.Request().__dict__}


def test_it_answers_as_its_document_says(api: Api) -> None:
    document = schemathesis.openapi.from_dict(api("GET", "/openapi.json").json())
    operations = [found.ok() for found in document.get_all_operations() if isinstance(found, Ok)]
    assert len(operations) > 90
    for operation in operations:
        if operation.label in WAITS_FOR_KAFKA:
            continue
        cases = st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in GenerationMode))

        @settings(
            max_examples=CASES, derandomize=True, database=None, deadline=None, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(cases)
        def every(case: Case) -> None:
            answers(api, case)

        api.begin_anew(REGISTERED)
        every()


@pytest.mark.parametrize(
    ("operation", "statuses"),
    [
        ("get /api/replays/{number}/diff", {"404", "409"}),
        ("get /api/replays/{number}/samples", {"404", "409"}),
        ("get /api/messages", {"404"}),
        ("put /api/codecs/{name}", {"200", "201", "408", "413"}),
    ],
)
def test_it_documents_what_few_requests_meet(api: Api, operation: str, statuses: set[str]) -> None:
    method, path = operation.split()
    paths = api("GET", "/openapi.json").json()["paths"]

    assert statuses <= set(paths[path][method]["responses"])
