"""What the group takes away and gives back, on the real Kafka."""

from connectors.sinks.base import Record
from connectors.sinks.consumption import Consumption
from tests.stack.harness import Installation, eventually
from tests.stack.sinks import send


def member(installation: Installation) -> Consumption:
    made = Consumption(installation.settings, "files", ("readings",))
    made.subscribe(lambda _: None, lambda: None)
    return made


def test_partitions_that_were_held_when_they_went_away_flow_when_they_come_back(installation: Installation) -> None:
    at = installation.with_settings(sink={"instance": None})
    stays, goes, seen = member(at), member(at), list[Record]()
    partitions = installation.settings.kafka.partitions

    def shared() -> bool:
        seen.extend(stays.take(100, 0.05))
        goes.take(100, 0.05)
        return len(stays._owned) == len(goes._owned) == partitions // 2

    eventually(shared)
    stays.flow(lambda _: True)
    goes.close()
    eventually(lambda: (stays.take(1, 0.1), len(stays._owned))[1] == partitions)
    seen.clear()
    send(installation, range(20))

    eventually(lambda: (seen.extend(stays.take(100, 0.1)), len(seen))[1] == 20)  # type: ignore[func-returns-value]  # mypy: None is thrown away
    stays.close()
