"""AxisTech weather stations: rows of readings of every station of an account, in any order.

Source: IoTa's ``axistech``. Columns are taken by their name (IoTa renamed them by position, so that an answer with other
keys gave wrong names) and called as the ATM-41 weather sensor at SDI-12 address 8 calls them. A station is its serial
number, from which its SDI-12 identity is made.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct
from msgspec.json import Decoder as JsonDecoder

from streams.core.identity import device_key
from streams.core.message import Ignored, Message, Opened, Rejected, Sender, Value
from streams.core.names import NAME_LIMIT
from streams.core.payload import detail, read
from streams.core.records import RawRecord
from streams.core.sender import named, sender
from streams.core.times import from_text

COLUMNS = {
    "rainfall": "8_Precipitation",
    "temperature_avg": "8_AirTemperature",
    "wind_speed_avg": "8_WindSpeed",
    "wind_speed_max": "8_WindSpeed_max",
    "humidity_avg": "8_RH",
    "atmos_pressure_avg": "8_AirPressure",
    "deltat_avg": "8_DeltaT",
    "dewpoint_avg": "8_DewPoint",
    "solar_rad_avg": "8_Solar",
    "wind_dir_deg_avg": "8_WindDirection",
    "wind_speed_min": "8_WindSpeed_min",
}
"""What the ATM-41 has, too; ``uv_index_avg`` and ``wind_dir_var_avg`` are left out."""
NOT_A_NUMBER = Ignored("not-a-number")


class Account(Struct, frozen=True):
    """What belongs to one account."""

    weather: list[dict[str, Any]] = []


class Answer(Struct, frozen=True):
    """The answer: accounts by their UUID."""

    data: dict[str, Account] = {}


_ANSWER = JsonDecoder(Answer)


class AxisTech:
    """Decoder of source ``axistech``."""

    name = "axistech"
    version = 1

    def key(self, record: RawRecord) -> str | None:
        """One key per address, whose answers then stay in order."""
        return device_key("axistech", record.address[:NAME_LIMIT])

    def device(self, source_ids: Mapping[str, str]) -> str | None:
        """See ``Decoder.device``."""
        return named("axistech", source_ids.get("serial_no"))

    def open(self, record: RawRecord) -> list[Opened]:
        """One message per station, oldest row first; rows without a station or a time are rejected."""
        answer = read(record.payload, _ANSWER)
        if isinstance(answer, Rejected):
            return [answer]
        stations: dict[str, list[dict[str, Any]]] = {}
        nobodys = []
        for row in _rows(answer):
            code = _code(row)
            if code is None:
                nobodys.append(row)
            else:
                stations.setdefault(code, []).append(row)
        parts = [part for code, rows in stations.items() for part in _opened(code, rows)]
        if nobodys:
            parts.append(Rejected("open", "no-device", detail(f"{len(nobodys)} row(s), first {nobodys[0]}")))
        return parts or [Ignored("no-rows")]


def newest(payload: bytes) -> dict[str, int]:
    """The newest time of each station in an answer (serial number -> ns), for the poller's cursor."""
    answer = read(payload, _ANSWER)
    times: dict[str, int] = {}
    for row in () if isinstance(answer, Rejected) else _rows(answer):
        code, time = _code(row), _time(row)
        if code is not None and time is not None:
            times[code] = max(time, times.get(code, time))
    return times


def _rows(answer: Answer) -> list[dict[str, Any]]:
    return [row for account in answer.data.values() for row in account.weather]


def _opened(code: str, rows: list[dict[str, Any]]) -> list[Opened]:
    who = _sender(code)
    if isinstance(who, Rejected):
        return [who]
    told = [(row, _time(row)) for row in rows]
    timed = sorted(((row, time) for row, time in told if time is not None), key=lambda pair: pair[1])
    values = [
        Value(name, number, time)
        for row, time in timed
        for column, name in COLUMNS.items()
        if column in row and (number := _number(row[column])) is not None
    ]
    odd = sum(_number(row[column]) is None for row, _ in timed for column in COLUMNS if column in row)
    parts: list[Opened] = [Message(sender=who, time=timed[-1][1], values=values)] if timed else []
    parts += [NOT_A_NUMBER] * odd
    untimed = [row for row, time in told if time is None]
    if untimed:
        what = f"{len(untimed)} row(s), first {untimed[0].get('time')}"
        parts.append(Rejected("open", "bad-time", detail(what), who.device))
    return parts


def _code(row: dict[str, Any]) -> str | None:
    code = row.get("code")
    return str(code) if isinstance(code, (str, int)) and not isinstance(code, bool) and str(code) else None


def _time(row: dict[str, Any]) -> int | None:
    told = row.get("time")
    return from_text(told) if isinstance(told, str) else None


def _number(told: Any) -> float | None:
    """A number, also as text; NaN stays one, so that it is counted as what it is; None for null and for what is none."""
    if isinstance(told, bool) or not isinstance(told, (str, int, float)):
        return None
    try:
        return float(told)
    except (ValueError, OverflowError):
        return None


def _sender(code: str) -> Sender | Rejected:
    ids = {"serial_no": code, "sdi-12": [f"813AXSTECH AWS   000{code}"]}
    return sender("axistech", code, ids, name=code)


DECODER = AxisTech()
