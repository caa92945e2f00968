"""An integration event of ChirpStack, whichever version sent it and however it was written."""

from typing import Any

from msgspec import Struct, field

Told = str | int | None
"""a time as it was told: text, or ns since the epoch"""


class Device(Struct, frozen=True, kw_only=True, rename="camel"):
    """Whose event it is, read from version 4's ``deviceInfo`` as it stands.

    ``eui`` is hexadecimal or base64; ids are as the server has them, empty where it says none.
    """

    eui: str = field(name="devEui", default="")
    name: str = field(name="deviceName", default="")
    tenant_id: str = ""
    tenant_name: str = ""
    application_id: str = ""
    application_name: str = ""
    profile_id: str = field(name="deviceProfileId", default="")
    profile_name: str = field(name="deviceProfileName", default="")
    tags: dict[str, str] | None = None


class Event(Struct, frozen=True, kw_only=True):
    """What is read of any event.

    ``time``: as the event tells it; ``other_times``: of gateways and servers, best first. ``encrypted``: the payload is.
    ``battery`` in %, ``margin`` in dB. ``place``: latitude and longitude. ``is_error``: of a log entry.
    """

    device: Device
    time: Told = None
    other_times: tuple[Told, ...] = ()
    port: int = 0
    payload: bytes | None = None
    object: Any = None
    encrypted: bool = False
    margin: float | None = None
    battery: float | None = None
    external_power: bool | None = None
    place: tuple[Any, Any] | None = None
    is_error: bool = False
