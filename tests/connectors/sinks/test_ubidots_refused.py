"""What Ubidots says of one device is no matter of the others."""

from collections.abc import Sequence

import httpx
import pytest
from msgspec.structs import replace

from connectors.sinks.base import Record, Rejection
from connectors.sinks.outgoing import Message
from connectors.sinks.ubidots import UbidotsSink
from streams.settings import Settings, UbidotsSettings
from tests.connectors.sinks.making import message, reading, record
from tests.stack.ubidots import TOKEN


class Opened:
    """Each record is of the logical device of its own offset; those of 10 and more are of device 10."""

    def open(self, records: Sequence[Record]) -> tuple[list[list[Message]], list[Rejection]]:
        return [[replace(message(), logical_uid=min(one.offset, 10))] for one in records], []

    def close(self) -> None:
        pass


class Labels:
    """Devices by their uids."""

    def label(self, uid: int) -> str:
        return f"isthmus-{uid}"

    def delivered(self, told: Message) -> None:
        pass

    def close(self) -> None:
        pass


class Outside:
    """Answers with ``answer`` for device 10 and takes what the others say."""

    def __init__(self, answer: httpx.Response) -> None:
        self._answer, self.taken, self.refused = answer, list[str](), 0
        self.sink = UbidotsSink(Settings(ubidots=UbidotsSettings(requests_per_s=1_000)), TOKEN)
        self.sink._outgoing, self.sink._directory = Opened(), Labels()  # type: ignore[assignment]
        transport = httpx.MockTransport(self._answered)
        self.sink._calls._client = httpx.Client(base_url="http://ubidots", transport=transport)

    def _answered(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/isthmus-10"):
            self.refused += 1
            return self._answer
        self.taken.append(request.url.path)
        return httpx.Response(200, json={"t": [{"status_code": 201}]})


@pytest.mark.parametrize("status", [404, 423])
def test_a_device_that_is_refused_is_asked_about_once_a_batch_and_its_neighbours_go_on(status: int) -> None:
    """It stood first and held up all others for ever (404), or was asked about for each of its records (423)."""
    outside = Outside(httpx.Response(status, json={"detail": "Not found."}))
    batch = [record(reading(offset=offset), offset) for offset in (10, 1, 11, 12, 2, 13)]

    rejections = outside.sink.write(batch)

    assert [(one.index, one.reason) for one in rejections] == [(n, f"ubidots-{status}") for n in (0, 2, 3, 5)]
    assert outside.taken == ["/api/v1.6/devices/isthmus-1", "/api/v1.6/devices/isthmus-2"]
    assert outside.refused == 1
    outside.sink.close()


def test_of_a_variable_only_the_record_that_says_it_is_refused() -> None:
    outside = Outside(httpx.Response(200, json={"t": [{"status_code": 404}]}))
    batch = [record(reading(offset=offset), offset) for offset in (10, 11)]

    assert [one.index for one in outside.sink.write(batch)] == [0, 1]
    assert outside.refused == 3
    outside.sink.close()
