"""Who a runner says that it is."""

import os

from connectors.replays.office import Office
from streams.settings import Settings


def test_workers_of_one_host_without_health_ports_are_different_runners() -> None:
    """As one and the same, both would have had a replay at once."""
    with_port, without = (Office(Settings(replay={"health_port": port})).runner for port in (25740, 0))

    assert with_port.endswith("-25740")
    assert without.endswith(f"-{os.getpid()}")
