"""Device logs as line files: `<directory>/<serial number>/<day of the line, UTC>.log`, for whoever collects logs.

Lines are those that source `vibration` gives as text `log`, mapped or not, in the seed's form:
`time="2026-01-03T10:01:01.000000123Z" logger="AAD-1123" level="WARNING" message="already in a sleep state"`.
Quotes, backslashes and control characters of a message are escaped as in JSON, so that a line stays a line.
"""

import json
from collections.abc import Iterator, Sequence

from connectors.file_names import safe
from connectors.sinks.base import Record, Rejection, Transient
from connectors.sinks.device_logs.line_files import LineFiles
from connectors.sinks.files.message import iso
from streams import avro, metrics
from streams.core.records import Reading
from streams.settings import Settings

SOURCE, NAME = "vibration", "log"
DAY_CHARACTERS = len("2026-01-03")


def make(settings: Settings) -> "DeviceLogsSink":
    """The sink."""
    return DeviceLogsSink(settings)


class DeviceLogsSink:
    """Writes log lines; a line that a file has is not written again, however often it comes."""

    name = "device-logs"
    topics: tuple[str, ...] = ("readings",)
    batch_records = 1_000
    batch_s = 0.5

    def __init__(self, settings: Settings) -> None:
        self._files = LineFiles(settings.files.device_logs)

    def write(self, batch: Sequence[Record]) -> list[Rejection]:
        """Make every log line of the batch durable."""
        wanted: dict[str, list[str]] = {}
        rejections = []
        for index, record in enumerate(batch):
            try:
                for name, line in lines(avro.decode(record.value or b"", Reading)):
                    wanted.setdefault(name, []).append(line)
            except avro.AvroError as error:
                rejections.append(Rejection(index, error.reason, error.detail))
        try:
            written = self._files.append(wanted)
        except OSError as error:
            raise Transient(f"cannot write device logs: {error}") from error
        metrics.SINK_ROWS.labels(self.name, "lines").inc(written)
        return rejections

    def close(self) -> None:
        """No file stays open."""


def lines(reading: Reading) -> Iterator[tuple[str, str]]:
    """File name and line of each log line in it."""
    if reading.source != SOURCE:
        return
    serial = reading.source_ids.get("serial_number") or reading.device.partition(":")[2]
    for measurement in reading.measurements:
        if measurement.name == NAME and measurement.text is not None:
            time = iso(measurement.time)
            level, _, message = measurement.text.partition(" ")
            told = {"time": time, "logger": serial, "level": level, "message": message}
            yield f"{safe(serial)}/{time[:DAY_CHARACTERS]}.log", _line(told)


def _line(told: dict[str, str]) -> str:
    return " ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in told.items())
