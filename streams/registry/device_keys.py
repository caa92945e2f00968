"""A device's key from what people know of it, so that it can be registered and mapped before its first message.

The decoders make the same keys from what the device says; ``tests/streams/registry/test_device_keys.py`` holds the two
against each other.
"""

from collections.abc import Mapping

from streams.core.identity import device_key

IDENTITY = {"ttn": "dev_eui", "ydoc": "id", "wombat": "serial_no", "json": "id"}
"""The source id that names a device, by source."""
LOWER_CASE = frozenset({"ttn"})


def key_of(source: str, source_ids: Mapping[str, str]) -> str | None:
    """The device key; None when the source ids do not say which device it is."""
    if source == "ttn" and not source_ids.get("dev_eui"):
        return _ttn_alias(source_ids)
    identity = source_ids.get(IDENTITY.get(source, ""), "")
    if not identity:
        return None
    return device_key(source, identity.lower() if source in LOWER_CASE else identity)


def unnamed_key(source: str, uid: int) -> str:
    """The key of a device that nobody can name yet."""
    return device_key(source, f"uid-{uid}")


def _ttn_alias(source_ids: Mapping[str, str]) -> str | None:
    application, device = source_ids.get("app_id"), source_ids.get("dev_id")
    return device_key("ttn", f"{application}/{device}") if application and device else None
