"""Two sinks that call themselves the same: Kafka lets the later one in, and the earlier one has to end, not stand still."""

from pathlib import Path

from tests.stack.harness import Installation, Process, eventually
from tests.stack.sinks import committed, map_devices, send


def start(installation: Installation, log: Path) -> Process:
    return installation.start("run", "sink", "files", section="sink", log=log, wait=False)


def test_the_earlier_one_ends_and_nothing_is_left_out(installation: Installation, tmp_path: Path) -> None:
    map_devices(installation)
    at = installation.with_settings(sink={"instance": 0})
    earlier = start(at, tmp_path / "earlier.log")
    send(at, range(10))
    eventually(lambda: committed(at, "files", "readings") == 10)
    start(at, tmp_path / "later.log")

    sent = 10

    def ended() -> bool:
        nonlocal sent
        send(at, [sent])
        sent += 1
        return earlier.popen.poll() is not None

    eventually(ended)

    eventually(lambda: committed(at, "files", "readings") == sent)
