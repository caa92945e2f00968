"""Ubidots: mapped and unpaused numbers as dots of logical devices, many to a request, none coalesced away."""

from collections.abc import Sequence

from msgspec.structs import replace

from connectors.sinks.base import Record, Rejection
from connectors.sinks.outgoing import Message, Outgoing, portions
from connectors.sinks.ubidots.calls import Calls, Refused
from connectors.sinks.ubidots.directory import Directory
from connectors.sinks.ubidots.payload import Dot, body, dots, requests
from streams import metrics
from streams.settings import Settings, SettingsError

Place = tuple[int, int]
"""(partition, offset) of a record"""
DotKey = tuple[int, int, int, str, int]


def make(settings: Settings) -> "UbidotsSink":
    """The sink.

    Raises:
        SettingsError: there is no token.
    """
    if settings.ubidots.token is None:
        raise SettingsError("ubidots.token is not set (ISTHMUS_UBIDOTS__TOKEN or …_TOKEN_FILE)")
    return UbidotsSink(settings, settings.ubidots.token.get_secret_value())


class UbidotsSink:
    """Posts dots. A batch that is offered again after a fault goes on where it stopped.

    Once posted and not yet committed when the process is killed, dots are posted again: Ubidots keeps one dot per
    variable and time, so what it shows is right, but it counts them twice.
    """

    name = "ubidots"
    topics: tuple[str, ...] = ("readings",)
    batch_records = 1_000
    batch_s = 1.0
    once_by_lineage = True

    def __init__(self, settings: Settings, token: str) -> None:
        self._limit = settings.ubidots.max_body_bytes
        self._outgoing = Outgoing(settings, settings.ubidots.sources)
        self._calls = Calls(settings.ubidots, token)
        self._directory = Directory(settings, self._calls)
        self._posted: set[DotKey] = set()
        self._through: dict[Place, Rejection | None] = {}

    def write(self, batch: Sequence[Record]) -> list[Rejection]:
        """Post every dot of the batch; a record that Ubidots refuses is rejected, its neighbours are not."""
        self._calls.interrupted.clear()
        for piece in portions(batch):
            records = [record for record in batch[piece.start : piece.stop] if _place(record) not in self._through]
            refused = self._portion(records)
            self._through |= {_place(record): refused.get(index) for index, record in enumerate(records)}
            self._posted.clear()
        ended = [self._through[_place(record)] for record in batch]
        self._through.clear()
        return [replace(rejection, index=index) for index, rejection in enumerate(ended) if rejection]

    def settle(self) -> None:
        """Tell Ubidots about new and changed devices."""
        self._calls.interrupted.clear()
        self._directory.settle()

    def interrupt(self) -> None:
        """End the waiting for the rate limit. A later call of ``write`` or ``settle`` is not touched."""
        self._calls.interrupted.set()

    def close(self) -> None:
        """Let go of connections and views."""
        self._outgoing.close()
        self._directory.close()
        self._calls.close()

    def _portion(self, records: Sequence[Record]) -> dict[int, Rejection]:
        """Post the dots of some records; what was refused, by the record's index."""
        opened, rejections = self._outgoing.open(records)
        last: dict[int, Message] = {}
        waiting = list[Dot]()
        for index, found in enumerate(opened):
            for message in found:
                last[message.logical_uid] = message
                waiting += [d for d in _counted(index, message) if _key(records[index], d) not in self._posted]
        for request in requests(waiting, self._limit):
            rejections += self._post(records, request)
            self._directory.delivered(last[request[0].logical_uid])
        return {rejection.index: rejection for rejection in rejections}

    def _post(self, batch: Sequence[Record], request: list[Dot]) -> list[Rejection]:
        try:
            self._calls.post(self._directory.label(request[0].logical_uid), body(request))
        except Refused as error:
            return self._refused(batch, request, error)
        self._posted |= {_key(batch[dot.index], dot) for dot in request}
        metrics.SINK_ROWS.labels(self.name, "dots").inc(len(request))
        metrics.SINK_ROWS.labels(self.name, "posts").inc()
        return []

    def _refused(self, batch: Sequence[Record], request: list[Dot], error: Refused) -> list[Rejection]:
        """Its records, after halving down to those that are to blame; what is said of the device is said of all."""
        indices = sorted({dot.index for dot in request})
        if not error.of_device and len(request) > 1 and (len(indices) > 1 or error.status == 413):
            middle = len(request) // 2
            return self._post(batch, request[:middle]) + self._post(batch, request[middle:])
        return [Rejection(index, f"ubidots-{error.status}", str(error)) for index in indices]


def _counted(index: int, message: Message) -> list[Dot]:
    found = dots(index, message)
    skipped = len(message.measurements) - len(found)
    if skipped:
        metrics.IGNORED.labels("sink:ubidots", "no-number").inc(skipped)
    return found


def _place(record: Record) -> Place:
    return record.partition, record.offset


def _key(record: Record, dot: Dot) -> DotKey:
    return *_place(record), dot.logical_uid, dot.name, dot.time
