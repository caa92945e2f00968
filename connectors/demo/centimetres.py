"""A decoder to try, as an operator would write it: levels of source `json` in centimetres instead of metres.

`isthmus replay run --source json --decoder json=centimetres.py` shows what it would change; nothing is deployed.
"""

from msgspec.structs import replace

from streams.core.message import Message, Opened, Value
from streams.core.records import RawRecord
from streams.decoders.json_object import JsonObject


class Centimetres(JsonObject):
    """Source `json`, with `level_m` called `level_cm`."""

    def open(self, record: RawRecord) -> list[Opened]:
        """What the installed decoder finds, with levels presented otherwise."""
        return [_with_levels(part) for part in super().open(record)]


def _with_levels(part: Opened) -> Opened:
    if not isinstance(part, Message) or part.values is None:
        return part
    return replace(part, values=[_level(value) for value in part.values])


def _level(value: Value) -> Value:
    if value.name != "level_m" or not isinstance(value.value, int | float):
        return value
    return replace(value, name="level_cm", value=value.value * 100)


DECODER = Centimetres
