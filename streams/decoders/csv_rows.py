"""Separated text by configuration: source ``csv``, one message with one or many rows, each of its own device and time.

The device is a column, else the topic's named levels, else the rest of the MQTT topic (``csv/greenhouse/1`` →
``greenhouse/1``). A bad row is rejected, its neighbours go on.
"""

import csv
from collections.abc import Mapping

from msgspec import Struct

from streams.core.columns import Row, rows
from streams.core.message import RECEIPT_TIME, Ignored, Message, Opened, Rejected, Sender, Value
from streams.core.options import CsvLayout, Options
from streams.core.payload import detail
from streams.core.records import RawRecord
from streams.core.sender import named, sender
from streams.core.topic import Found, match

DEVICE_LIMIT, FAULT_LIMIT = 5_000, 1_000
"""of one body; what is wrong beyond that is counted"""


class _Table(Struct, frozen=True):
    layout: CsvLayout
    found: Found
    rows: list[Row]


class CsvRows:
    """Decoder of source ``csv``."""

    name = "csv"
    version = 1

    def __init__(self, options: Options) -> None:
        self._layouts = options.csv_layouts

    def key(self, record: RawRecord) -> str | None:
        """The device key of the first row that has one."""
        table = self._table(record)
        if isinstance(table, Rejected):
            return None
        senders = (_sender(row, table, record) for row in table.rows)
        return next((who.device for who in senders if isinstance(who, Sender)), None)

    def device(self, source_ids: Mapping[str, str]) -> str | None:
        """See ``Decoder.device``."""
        return named("csv", source_ids.get("id"))

    def open(self, record: RawRecord) -> list[Opened]:
        """One message per device, with the values of all of its rows; a rejection per row that is at fault."""
        table = self._table(record)
        if isinstance(table, Rejected):
            return [table]
        messages: dict[str, tuple[Sender, list[Value], list[int | None]]] = {}
        rejected: list[Opened] = []
        for row in table.rows:
            who = _sender(row, table, record)
            if isinstance(who, Rejected):
                rejected.append(who)
                continue
            rejected += [Rejected("open", reason, why, who.device) for reason, why in row.faults]
            if row.values:
                _, values, times = messages.setdefault(who.device, (who, [], []))
                values.extend(row.at(record.received_at))
                times.append(row.time)
        if len(messages) > DEVICE_LIMIT:
            return [Rejected("open", "too-many-devices", f"more than {DEVICE_LIMIT} devices")]
        made = [_message(*message, record.received_at) for message in messages.values()]
        return [*made, *_so_many(rejected)] or [Ignored("no-rows")]

    def _table(self, record: RawRecord) -> _Table | Rejected:
        try:
            text = record.payload.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            return Rejected("open", "bad-csv", detail(error))
        for layout in self._layouts:
            found = match(layout.topic, record.address) if layout.topic else Found({}, ())
            if found is not None:
                try:
                    return _Table(layout, found, list(rows(text, layout)))
                except (csv.Error, ValueError) as error:
                    return Rejected("open", "bad-csv", detail(error))
        return Rejected("open", "no-layout", detail(record.address))


def _so_many(rejected: list[Opened]) -> list[Opened]:
    """Millions of bad cells are no millions of dead letters."""
    more = len(rejected) - FAULT_LIMIT
    if more <= 0:
        return rejected
    return [*rejected[:FAULT_LIMIT], Rejected("open", "more-faults", f"{more} more, of the same body")]


def _message(who: Sender, values: list[Value], times: list[int | None], received: int) -> Message:
    """Marked as of the time of receipt when any of its rows tells no time."""
    told = [time for time in times if time is not None]
    quality = RECEIPT_TIME if len(told) < len(times) else 0
    return Message(sender=who, time=max(told, default=received), values=values, quality=quality)


def _sender(row: Row, table: _Table, record: RawRecord) -> Sender | Rejected:
    identity = row.device or table.found.identity
    if not identity and record.transport == "mqtt":
        identity = record.address.partition("/")[2]
    if not identity:
        return Rejected("open", "no-device", f"row {row.number}: no column {table.layout.device!r} and no topic")
    return sender("csv", identity, {**table.found.tags, "id": identity}, name=identity)


DECODER = CsvRows
