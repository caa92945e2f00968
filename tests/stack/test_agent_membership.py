"""An agent that its group does not take ends and says so: one that waits for ever would look like one without work."""

from pathlib import Path

from streams import kafka
from tests.stack import raw_log
from tests.stack.harness import Installation, eventually


def test_an_agent_that_cannot_join_ends_and_the_next_one_joins_when_it_can(
    installation: Installation, tmp_path: Path
) -> None:
    settings = installation.settings.kafka
    raw_log.open_generation(settings)
    other = kafka.consumer(settings, "decode", **{"partition.assignment.strategy": "range"})
    other.subscribe([kafka.topic(settings, "raw")])
    eventually(lambda: [other.poll(0.1)] and other.assignment())

    refused = installation.start("run", "decode", section="decode", log=tmp_path / "refused.log", wait=False)
    eventually(lambda: [other.poll(0.1)] and refused.popen.poll() is not None, 60)
    other.close()

    assert refused.popen.returncode == 1
    assert "membership over" in (tmp_path / "refused.log").read_text()
    installation.start("run", "decode", section="decode", log=tmp_path / "taken.log")
