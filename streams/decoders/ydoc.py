"""YDOC data loggers: one JSON message with sets of readings of several sensors.

Source: IoTa's ``YDOC``. A channel ``s<n>m<k>`` belongs to the sub-device ``<serial>-s<n>``, any other to the node
``ydoc-<serial>``. The sensor's prefix is cut off the channel's name as long as it is (IoTa always cut two characters, so
that sensor 10 was lost); of other names each character that is no letter, digit or underscore becomes an underscore.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct
from msgspec.json import Decoder as JsonDecoder

from streams.core.message import Ignored, Message, Opened, Rejected, Value
from streams.core.names import NAME_LIMIT
from streams.core.options import Options
from streams.core.payload import detail, read
from streams.core.records import RawRecord
from streams.core.sender import named, sender
from streams.core.times import from_text

_SENSOR_CODE = re.compile(r"([a-z][0-9]+)[a-z][0-9]+").match
_NO_WORD = re.compile(r"\W")
_NOT_A_NUMBER = Ignored("not-a-number")
_UNDECLARED = Ignored("undeclared-channel")
_LOGGER_MESSAGE = Ignored("logger-message")


class Logger(Struct, frozen=True):
    """``device``."""

    sn: int | str
    name: str = ""


class Channel(Struct, frozen=True):
    """One of ``channels``; some are empty."""

    code: str | None = None
    name: str = ""
    unit: str = ""


class Keyed(Struct, frozen=True):
    """The part of the message that says whose it is."""

    device: Logger


class Body(Keyed, frozen=True):
    """The message; without ``data`` it is about the logger itself."""

    channels: list[Channel] = []
    data: list[dict[str, Any]] | None = None


class _Target(Struct, frozen=True):
    """Where a channel's values go: the device's identity and title, the measurement's name and unit."""

    identity: str
    title: str
    name: str
    unit: str


_KEYED, _BODY = JsonDecoder(Keyed), JsonDecoder(Body)


class Ydoc:
    """Decoder of source ``ydoc``."""

    name = "ydoc"
    version = 1

    def __init__(self, options: Options) -> None:
        self._utc_offset = options.ydoc_utc_offset

    def key(self, record: RawRecord) -> str | None:
        """One key per logger, whose devices then stay in order."""
        found = read(record.payload, _KEYED)
        if isinstance(found, Rejected):
            return None
        who = sender("ydoc", str(found.device.sn), {})
        return None if isinstance(who, Rejected) else who.device

    def device(self, source_ids: Mapping[str, str]) -> str | None:
        """See ``Decoder.device``."""
        return named("ydoc", source_ids.get("id"))

    def open(self, record: RawRecord) -> list[Opened]:
        """One message per sub-device with values; what is no number is ignored, a set without a time rejected."""
        body = read(record.payload, _BODY)
        if isinstance(body, Rejected):
            return [body]
        if body.data is None:
            return [Ignored("no-data")]
        node = sender("ydoc", f"ydoc-{body.device.sn}", {})
        if isinstance(node, Rejected):
            return [node]
        targets = {c.code.lower(): _target(c, c.code.lower(), body.device) for c in body.channels if c.code}
        values: dict[tuple[str, str], list[Value]] = {}
        parts: list[Opened] = []
        untimed: list[dict[str, Any]] = []
        for entry in body.data:
            time = self._time(entry)
            if time is None and any(_entries(entry)):
                untimed.append(entry)
            elif time is not None:
                parts.extend(_sort(entry, time, targets, values))
        parts[:0] = [_message(*device, found) for device, found in values.items()]
        return [*parts, *_rejected(untimed, body.device)] or [Ignored("no-values")]

    def _time(self, entry: dict[str, Any]) -> int | None:
        told = next((value for key, value in entry.items() if key.lower() == "$ts"), None)
        digits = str(told).zfill(12) if isinstance(told, (int, str)) else ""
        if len(digits) != 12:
            return None
        year, month, day, hour, minute, second = (digits[at : at + 2] for at in range(0, 12, 2))
        local = from_text(f"20{year}-{month}-{day}T{hour}:{minute}:{second}")
        return None if local is None else local - self._utc_offset


def _target(channel: Channel, code: str, logger: Logger) -> _Target:
    found = _SENSOR_CODE(code)
    if found is None:
        identity, prefix = f"ydoc-{logger.sn}", None
        title = f"{_title(logger)} ({identity})"
    else:
        prefix = found[1]
        identity, title = f"{logger.sn}-{prefix}", f"{_title(logger)} ({prefix})"
    cut = prefix is not None and channel.name.startswith(prefix)
    name = channel.name[len(prefix or "") :] if cut else _NO_WORD.sub("_", channel.name)
    return _Target(identity, title, name, channel.unit)


def _title(logger: Logger) -> str:
    return logger.name.strip()[:NAME_LIMIT]


def _entries(entry: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Channel codes and values up to a ``$msg``, which ends a set."""
    for key, value in entry.items():
        code = key.lower()
        if code == "$msg":
            return
        if code != "$ts":
            yield code, value


def _sort(
    entry: dict[str, Any], time: int, targets: dict[str, _Target], values: dict[tuple[str, str], list[Value]]
) -> Iterator[Ignored]:
    for code, raw in _entries(entry):
        target, number = targets.get(code), _number(raw)
        if target is None:
            yield _UNDECLARED
        elif number is None:
            yield _NOT_A_NUMBER
        else:
            values.setdefault((target.identity, target.title), []).append(Value(target.name, number, time, target.unit))
    if any(key.lower() == "$msg" for key in entry):
        yield _LOGGER_MESSAGE


def _number(raw: Any) -> float | None:
    """A number, also as text (``"5.84"``); ``"0*T"`` and the like are a sensor's way to say that it has none."""
    if isinstance(raw, int):
        return raw
    try:
        return float(raw)
    except (TypeError, ValueError):
        return None


def _message(identity: str, title: str, values: list[Value]) -> Opened:
    who = sender("ydoc", identity, {"id": identity}, name=title)
    return who if isinstance(who, Rejected) else Message(sender=who, time=min(v.time for v in values), values=values)


def _rejected(untimed: list[dict[str, Any]], logger: Logger) -> list[Opened]:
    if not untimed:
        return []
    told = [value for key, value in untimed[0].items() if key.lower() == "$ts"]
    what = f"logger {logger.sn}: {len(untimed)} set(s) without a time, first with $ts {told}"
    return [Rejected("open", "bad-time", detail(what))]


DECODER = Ydoc
