"""Who a message is from, checked once for every decoder."""

from collections.abc import Mapping
from typing import Any

import msgspec

from streams.core.identity import device_key
from streams.core.message import Rejected, Sender
from streams.core.names import NAME_LIMIT, is_name
from streams.core.payload import detail

IDS_LIMIT = 10_000
"""characters of all names and values together, in one message and in all that is known of a device"""
LATITUDE_LIMIT, LONGITUDE_LIMIT = 90.0, 180.0


def sender(
    source: str, identity: str, ids: Mapping[str, Any], *, name: str | None = None, **more: Any
) -> Sender | Rejected:
    """The device ``source:identity``; ids that are no text become JSON.

    Rejected as ``bad-device`` (the identity is empty, too long or holds control characters) or ``source-ids-too-long``.
    """
    key = device_key(source, identity)
    if not identity or not is_name(key):
        return Rejected("open", "bad-device", detail(identity.encode("utf-8", "replace").decode()))
    source_ids = {
        name: value if isinstance(value, str) else _json(value) for name, value in ids.items() if value is not None
    }
    if sum(len(name) + len(value) for name, value in source_ids.items()) > IDS_LIMIT:
        return Rejected("open", "source-ids-too-long", f"more than {IDS_LIMIT} characters", key)
    return Sender(device=key, source_ids=source_ids, name=name[:NAME_LIMIT] if name else None, **more)


def united(known: Mapping[str, str], told: Mapping[str, str]) -> dict[str, str]:
    """Known ids and those told now, in the order in which they were told; beyond ``IDS_LIMIT`` the newest are kept.

    A sender may give its ids other names in each message: what is known of a device would grow until nothing can hold it.
    """
    kept, room = dict[str, str](), IDS_LIMIT
    for name, value in reversed([*(one for one in known.items() if one[0] not in told), *told.items()]):
        if len(name) + len(value) <= room:
            kept[name] = value
            room -= len(name) + len(value)
    return dict(reversed(kept.items()))


def named(source: str, identity: str | None) -> str | None:
    """The device key of an identity that people wrote; None where there is none."""
    return device_key(source, identity) if identity else None


def coordinate(value: object, limit: float) -> float | None:
    """A latitude or longitude in degrees; None for what is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not -limit <= value <= limit:
        return None
    return float(value)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
