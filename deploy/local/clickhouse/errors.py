"""ClickHouse's error codes: what a client is told, and with which HTTP status."""

import re

READONLY, NOT_IMPLEMENTED, CANNOT_DECOMPRESS = 164, 48, 1003
SYNTAX_ERROR, SESSION_NOT_FOUND, SESSION_IS_LOCKED, ACCESS_DENIED = 62, 372, 373, 497
UNKNOWN_EXCEPTION, NOT_ENOUGH_SPACE = 1002, 243

_STATUS = {60: 404, 81: 404, 372: 404, 159: 408, 373: 409, 516: 401, 497: 403, 164: 403, 202: 503}
_BAD_REQUEST = frozenset(
    (
        6,
        26,
        27,
        33,
        36,
        38,
        41,
        42,
        43,
        44,
        46,
        47,
        48,
        50,
        53,
        57,
        62,
        69,
        70,
        72,
        73,
        115,
        117,
        130,
        179,
        386,
        456,
        457,
    )
)


class Refused(Exception):
    """An error of this endpoint in the engine's own form."""

    def __init__(self, code: int, name: str, message: str) -> None:
        super().__init__(f"Code: {code}. DB::Exception: {message} ({name})")


def text(error: BaseException) -> str:
    """The engine's message without what the binding puts before it."""
    whole = str(error)
    return whole[max(whole.find("Code: "), 0) :] + "\n"


def code(message: str) -> int:
    """The error code in a message."""
    found = re.match(r"Code: (\d+)", message)
    return int(found[1]) if found else UNKNOWN_EXCEPTION


def http_status(number: int) -> int:
    """What a server answers for an error code."""
    return _STATUS.get(number, 400 if number in _BAD_REQUEST else 500)
