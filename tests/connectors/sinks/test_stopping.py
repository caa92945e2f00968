"""A runner that is stopped commits all that it has delivered: else it comes again at the next start, and posts are counted twice."""

from collections.abc import Sequence
from concurrent.futures import Future

from connectors.sinks.base import Record, Rejection
from connectors.sinks.runner import Runner, _Work
from streams.settings import KafkaSettings, Settings
from tests.connectors.sinks.making import record
from tests.connectors.sinks.memberships import RAW_0, Client, owning


class Counting:
    """Counts how often it was given what."""

    name = "counting"
    topics: tuple[str, ...] = ("raw",)
    batch_records = 10
    batch_s = 1.0

    def __init__(self) -> None:
        self.given: list[int] = []

    def write(self, batch: Sequence[Record]) -> list[Rejection]:
        self.given += [record.offset for record in batch]
        return []

    def close(self) -> None:
        pass


def test_the_last_batch_is_committed_though_a_commit_was_under_way() -> None:
    """The batch before it had just ended, and one commit at a time is made."""
    sink, client = Counting(), Client()
    runner = Runner(Settings(kafka=KafkaSettings(bootstrap_servers="127.0.0.1:1")), sink)
    runner._consumption.close()
    runner._consumption = owning(client)
    before = Future[None]()
    before.set_result(None)
    runner._work = _Work(before, {RAW_0: 5})
    runner._buffer = [record(b"", offset, topic="raw") for offset in (5, 6)]
    runner.stop()

    runner.run()

    assert sink.given == [5, 6]
    assert client.committed == [5, 7]
