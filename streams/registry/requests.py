"""Requests under an idempotency key: carried out once, and answered again when they are repeated. Pure.

The record of a request is written in one transaction with what it changed, so a repeat finds both or neither, whichever
process it reaches. Source: the IETF draft "The Idempotency-Key HTTP Header Field".
"""

from collections.abc import Sequence

from streams.core.registry_records import Request
from streams.core.times import DAY
from streams.registry.state import REQUESTS, Change, Command, Refused, State

KEPT = DAY
"""ns"""
AT_ONCE = 1000


def once(command: Command, key: str, digest: str, at: int) -> Command:
    """The command, which changes nothing when it was carried out under this key already.

    Raises (when it is run):
        Refused: 422 the key was used for another request.
    """

    def guarded(state: State) -> Sequence[Change]:
        if _carried_out(state, key, digest, at) is not None:
            return ()
        changes = command(state)
        made = [f"{change.topic}/{change.key}" for change in changes]
        return [*changes, Change(REQUESTS, key, Request(key=key, digest=digest, at=at, made=made))]

    return guarded


def made(state: State, key: str) -> list[tuple[str, str]]:
    """(topic, key) of what the request wrote, in order."""
    return [(topic, held) for topic, _, held in (one.partition("/") for one in state.requests[key].made)]


def expired(state: State, now: int) -> list[Change]:
    """Requests whose repeat is expected no more, some at once, to be forgotten."""
    old = [key for key, request in state.requests.items() if request.at + KEPT <= now]
    return [Change(REQUESTS, key, None) for key in old[:AT_ONCE]]


def _carried_out(state: State, key: str, digest: str, at: int) -> Request | None:
    known = state.requests.get(key)
    if known is None or known.at + KEPT <= at:
        return None
    if known.digest != digest:
        raise Refused(422, "This idempotency key was used for another request.")
    return known
