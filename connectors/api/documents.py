"""What the OpenAPI document says beyond FastAPI's own: who is let in, and how each operation may be refused."""

from functools import cache
from typing import Any

from fastapi import FastAPI

Responses = dict[int | str, dict[str, Any]]

SECURITY = {"bearer": {"type": "http", "scheme": "bearer"}, "basic": {"type": "http", "scheme": "basic"}}
SENTENCE = {
    "application/json": {
        "schema": {"type": "object", "properties": {"detail": {"type": "string"}}, "required": ["detail"]}
    }
}


def refused(description: str) -> dict[str, Any]:
    """A refusal: one sentence as ``detail``."""
    return {"description": description, "content": SENTENCE}


NOT_BASIC: Responses = {401: refused("No HTTP Basic, a wrong name or password, or a disabled user.")}
MISSING: Responses = {404: refused("There is no such user or token.")}
TAKEN: Responses = {409: refused("The name is taken, or there are too many.")}
LAST: Responses = {409: refused("Nobody would be left to administer.")}
HELD_UP: Responses = {
    429: refused("Too many failed logins. Tokens are not affected.")
    | {"headers": {"Retry-After": {"schema": {"type": "integer"}, "description": "seconds"}}}
}
NO_DIFF: Responses = {409: refused("The replay has no diff yet, or no longer.")}
NOBODY: Responses = {404: refused("Neither p_uid nor l_uid is given.")}
LIMITED = {
    "408": refused("The body comes too slowly."),
    "413": refused("The body is larger than api.max_body_bytes."),
}
UNREADABLE = {"400": refused("The body is no text, or cut off.")}
UNKNOWN = {"404": refused("There is none of this uid, number or name.")}
FORBIDDEN = {
    "404": refused("There is none of a uid or name that is given."),
    "400": refused("The rules of the registry forbid it, or the body is no text."),
    "409": refused("It stands against what is registered; the sentence says what to do."),
}
INVALID = "#/components/schemas/HTTPValidationError"
PRECISE = frozenset({"users", "tokens"})
"""Tags of routes that say themselves what is forbidden."""
EVERYWHERE = {
    "401": {"description": "The token is missing, unknown, expired or ended, or its user is disabled. No body."},
    "403": {"description": "This user may only read (no body), or the token stands behind another word than Bearer."},
    "503": refused("The registry or Kafka cannot answer now; try again.")
    | {"headers": {"Retry-After": {"schema": {"type": "integer"}, "description": "seconds"}}},
}


def complete(app: FastAPI) -> None:
    """Add to the document what the gate, not FastAPI, does."""
    described = app.openapi

    @cache
    def openapi() -> dict[str, Any]:
        document = described()
        document.setdefault("components", {})["securitySchemes"] = SECURITY
        document["security"] = [{"bearer": []}]
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                operation["responses"] = _refusals(path, method, operation) | operation["responses"]
                _allow_a_sentence(operation["responses"].get("422", {}).get("content", {}).get("application/json", {}))
        login = document["paths"]["/api/token"]["get"]
        login["security"] = [{"basic": []}]
        del login["responses"]["403"]
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend it


def _refusals(path: str, method: str, operation: dict[str, Any]) -> dict[str, Any]:
    """Of any such operation."""
    precise = not PRECISE.isdisjoint(operation.get("tags", ()))
    unreadable = UNREADABLE | LIMITED if "requestBody" in operation else {}
    forbidden = FORBIDDEN if method != "get" and not precise else {}
    return EVERYWHERE | unreadable | forbidden | (UNKNOWN if "{" in path and not precise else {})


def _allow_a_sentence(invalid: dict[str, Any]) -> None:
    """What FastAPI cannot see is invalid by one sentence, not by a list of faults; a route may have a shape of its own."""
    if "schema" in invalid:
        own = [invalid["schema"]] if invalid["schema"] != {"$ref": INVALID} else []
        invalid["schema"] = {"anyOf": [*own, {"$ref": INVALID}, SENTENCE["application/json"]["schema"]]}
