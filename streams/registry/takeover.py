"""A logger that EagleIO was polled for, and that now speaks for itself over MQTT, takes its place.

Source: IoTa's ``receiver/ict_mqtt``: the new device says which one it replaces, and stands where that stood. Its mapping
is left to a person, who knows from when on it holds.
"""

from typing import Any

from streams.core.records import PhysicalDevice
from streams.registry.state import State

SOURCE, REPLACED_SOURCE = "ict_mqtt", "ict_eagleio"
PROPERTY = "replaces_ict_eagleio_uid"


def replaced(state: State, source: str, name: str) -> PhysicalDevice | None:
    """The EagleIO device of the same name that a new ``ict_mqtt`` device replaces; of several the newest."""
    if source != SOURCE:
        return None
    same = (device for device in state.physical.values() if device.source == REPLACED_SOURCE and device.name == name)
    return max(same, key=lambda device: device.uid, default=None)


def inherited(old: PhysicalDevice | None) -> dict[str, Any]:
    """Properties that say so."""
    return {} if old is None else {PROPERTY: old.uid}
