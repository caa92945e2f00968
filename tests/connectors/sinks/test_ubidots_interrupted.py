"""What was interrupted is tried again, also where no more dots come."""

import httpx
import pytest

from connectors.sinks.base import Transient
from connectors.sinks.ubidots import UbidotsSink
from connectors.sinks.ubidots.calls import Calls
from streams.settings import Settings, UbidotsSettings
from tests.stack.ubidots import TOKEN


class Details:
    """Has one device to tell about."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self.told = 0

    def settle(self) -> None:
        self._calls.patch("a", b"{}")
        self.told += 1

    def close(self) -> None:
        pass


def test_devices_are_told_about_after_an_interruption_though_no_dots_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who had lost its partitions said each second that it waits, and told of no device any more."""
    sink = UbidotsSink(Settings(ubidots=UbidotsSettings(requests_per_s=1_000)), TOKEN)
    sink._calls._client = httpx.Client(
        base_url="http://ubidots", transport=httpx.MockTransport(lambda _: httpx.Response(200, content=b"{}"))
    )
    sink._directory = details = Details(sink._calls)  # type: ignore[assignment]
    meanwhile = sink._calls._answer

    def interrupted(*asked: object) -> httpx.Response:
        sink.interrupt()
        return meanwhile(*asked)  # type: ignore[arg-type]

    monkeypatch.setattr(sink._calls, "_answer", interrupted)
    sink.settle()
    with pytest.raises(Transient, match="interrupted"):
        details.settle()
    sink.settle()

    assert details.told == 2
    sink.close()
