"""A running installation that replays can be tried on, and what a test asks of it as a user would."""

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from connectors.sinks.clickhouse.migrate import migrate
from connectors.sinks.clickhouse.store import Store
from streams import avro, kafka, pipeline
from streams.agents.generations import Hashes, generation_for
from streams.core.decode import Context
from streams.core.records import DeviceMapping, Generation, Rule
from streams.lag import LagMeter
from streams.registry.hashes import code_hash, codecs_hash, rules_hash
from streams.scan import table
from tests.stack.api import Api
from tests.stack.harness import Installation, Process, eventually
from tests.stack.replay_oracle import Model, differences, expected, found

PROCESSES = {
    "decode": (("run", "decode"), "decode"),
    "window": (("run", "window"), "window"),
    "clickhouse": (("run", "sink", "clickhouse"), "sink"),
    "clickhouse-log": (("run", "sink", "clickhouse-log"), "sink"),
    "replay": (("run", "replay"), "replay"),
}
GROUPS = {"clickhouse": "sink-clickhouse", "clickhouse-log": "sink-clickhouse-log"}
"""those that are not called as the process"""
RESTING = ("ready", "applied", "undone", "cancelled", "failed")
CALM = 3
"""measurements without lag, one after the other: what decode wrote last has then passed window and sink"""


class Running:
    """API and processes over one installation; the API's settings are everybody's."""

    def __init__(self, installation: Installation, directory: Path, **sections: dict[str, Any]) -> None:
        quick: dict[str, dict[str, Any]] = {
            "clickhouse": {"batch_rows": 2000, "batch_s": 0.1},
            "window": {"emit_interval_s": 0.2},
            "replay": {"processes": 0, "place_after_s": 3600.0, "directory": str(directory / "replays")},
        }
        migrate(installation.settings.clickhouse)
        self.directory, self.model = directory, Model()
        merged = {name: quick.get(name, {}) | sections.get(name, {}) for name in quick.keys() | sections.keys()}
        self.api = Api(installation.with_settings(**merged), directory)
        self.processes: dict[str, Process] = {}
        self.store = Store(installation.settings.clickhouse, "test")

    @property
    def installation(self) -> Installation:
        return self.api.installation

    def start(self, *names: str) -> None:
        """Start processes, all at once, and wait until they are ready."""
        for name in names:
            arguments, section = PROCESSES[name]
            log = self.directory / f"{name}.log"
            self.processes[name] = self.installation.start(*arguments, section=section, log=log, wait=False)
        self.api.wait_ready()
        for name in names:
            eventually(self.processes[name].ready, 60)

    def stop(self, *names: str) -> None:
        """SIGTERM."""
        for name in names:
            self.processes.pop(name).stop()

    def deploy(self, **decode: Any) -> None:
        """The decode settings change: API, decode agent and replay worker are started anew with them."""
        again = [name for name in ("decode", "replay") if name in self.processes]
        self.stop(*again)
        self.api.process.stop()
        self.api.installation = self.installation.with_settings(decode=decode)
        self.api.restart()
        self.start(*again)

    def quiet(self, timeout: float = 60) -> None:
        """Wait until all that was written has gone through every process that runs."""
        groups = {GROUPS.get(name, name) for name in self.processes if name != "replay"}
        meter, calm = LagMeter(self.installation.settings.kafka), 0
        try:
            deadline = time.monotonic() + timeout
            while calm < CALM:
                lag = {key: behind for key, behind in meter.measure(groups).items() if behind}
                calm = 0 if lag else calm + 1
                assert time.monotonic() < deadline, f"still lagging after {timeout} s: {lag}"
        finally:
            meter.close()

    def write(self, topic: str, records: Mapping[str, DeviceMapping | Rule]) -> None:
        """Registry records, by key, as the API would write them."""
        producer = kafka.BatchProducer(self.installation.settings.kafka)
        for key, record in records.items():
            producer.send(topic, key, avro.encode(record))
        producer.flush()

    def context(self, mapping: Mapping[str, DeviceMapping], rules: Iterable[Rule] = ()) -> Context:
        """How the processes decode now, for the oracle."""
        return pipeline.context(self.installation.settings.decode, mapping.get, rules=rules)

    def generation(self, rules: Iterable[Rule] = ()) -> "Numbers":
        """In which generation the processes decode."""
        settings = self.installation.settings
        hashes = Hashes(code_hash(settings.decode), {codecs_hash(())}, {rules_hash(rules)})
        return Numbers(tuple(table(settings.kafka, "generations", Generation).values()), hashes)

    def check(self, *, generations: bool = True) -> None:
        """The store holds what the model says: rows, aggregates, latest points."""
        windows = (*self.installation.settings.window.base_s, 3600, 86_400)
        wrong = differences(expected(self.model, windows), found(self.store), generations=generations)
        assert not wrong, "\n".join(wrong)

    def ask(self, method: str, path: str, **body: Any) -> Any:
        """The API's answer to the operator."""
        with self.api.client() as client:
            answer = client.request(method, path, json=body or None)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def replay(self, mode: str = "decode", *, rests: bool = True, **asked: Any) -> dict[str, Any]:
        """Create a replay; its record where it rests."""
        body = {"mode": mode, "selection": {}, "why": "test"} | asked
        made: dict[str, Any] = self.ask("POST", "/replays", **body)
        return self.rested(made["id"]) if rests else made

    def wish(self, replay: int, what: str, *, rests: bool = True) -> dict[str, Any]:
        """apply, undo or cancel."""
        made: dict[str, Any] = self.ask("POST", f"/replays/{replay}/{what}")
        return self.rested(replay) if rests else made

    def rested(self, replay: int, timeout: float = 60) -> dict[str, Any]:
        """The record of a replay once nobody works on it."""
        return eventually(lambda: self._rested(replay), timeout)

    def _rested(self, replay: int) -> dict[str, Any]:
        record: dict[str, Any] = self.ask("GET", f"/replays/{replay}")
        return record if record["state"] in RESTING and not record["wish"] else {}

    def close(self) -> None:
        self.store.command(f"DROP DATABASE IF EXISTS `{self.installation.settings.clickhouse.database}`")
        self.store.close()


class Numbers:
    """Partition and offset -> the number of the generation in which they are decoded."""

    def __init__(self, generations: tuple[Generation, ...], hashes: Hashes) -> None:
        self._generations, self._hashes = generations, hashes

    def __call__(self, partition: int, offset: int) -> int:
        generation = generation_for(self._generations, partition, offset, self._hashes)
        assert generation is not None, f"nobody may decode {partition}@{offset}"
        return generation.number
