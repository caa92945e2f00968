"""A running installation that replays can be tried on, and what a test asks of it as a user would."""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from connectors.api.times import to_ns
from connectors.sinks.clickhouse.migrate import migrate
from connectors.sinks.clickhouse.store import Store
from connectors.verify import report as verify
from streams import avro, kafka, pipeline
from streams.core.decode import Context, decode
from streams.core.message import Decoder
from streams.core.records import DeviceMapping, Generation, Lineage, Rule
from streams.lag import LagMeter
from streams.scan import table
from tests.ports import free_port
from tests.stack import raw_log
from tests.stack.api import Api
from tests.stack.conftest import installed
from tests.stack.harness import Installation, Process, Stack, eventually
from tests.stack.replay_oracle import Difference, Key, Letter, Model, Row, Told, differences, expected, found, letters
from tests.stack.replay_world import Standing, World

PROCESSES = {
    "decode": (("run", "decode"), "decode"),
    "window": (("run", "window"), "window"),
    "clickhouse": (("run", "sink", "clickhouse"), "sink"),
    "clickhouse-log": (("run", "sink", "clickhouse-log"), "sink"),
    "archive": (("run", "sink", "archive"), "sink"),
    "replay": (("run", "replay"), "replay"),
}
GROUPS = {name: f"sink-{name}" for name in ("clickhouse", "clickhouse-log", "archive")}
"""those that are not called as the process"""
RESTING = ("ready", "applied", "undone", "cancelled", "failed")
ASKED_EVERY_S = 0.05
"""of the lag: asking without a pause takes the processor from those that are waited for"""
CALM = 3
"""measurements without lag, one after the other: what decode wrote last has then passed window and sink"""


class Running:
    """API and processes over one installation; the API's settings are everybody's."""

    def __init__(self, installation: Installation, directory: Path, world: World, **sections: dict[str, Any]) -> None:
        quick: dict[str, dict[str, Any]] = {
            "clickhouse": {"batch_rows": 2000, "batch_s": 0.1},
            "window": {"emit_interval_s": 0.2},
            "replay": {"processes": 0, "place_after_s": 3600.0, "nice": 0},
        }
        migrate(installation.settings.clickhouse)
        self.directory, self.model, self.world = directory, Model(), world
        self.mapping: dict[str, DeviceMapping] = {}
        self.rules: list[Rule] = []
        self.letters: list[Letter] = []
        merged = {name: quick.get(name, {}) | sections.get(name, {}) for name in quick.keys() | sections.keys()}
        self.api = Api(installation.with_settings(**merged), directory)
        self.processes: dict[str, Process] = {}
        self._ports: dict[str, int] = {}
        self.store = Store(installation.settings.clickhouse, "test")

    @property
    def installation(self) -> Installation:
        return self.api.installation

    def start(self, *names: str) -> None:
        """Start processes, all at once, and wait until they are ready."""
        for name in names:
            self.processes[name] = self._started(name)
        self.api.wait_ready()
        for name in names:
            eventually(self.processes[name].ready, 180)

    def _started(self, name: str) -> Process:
        """Always at the same port, which is part of what a replay's runner is known by."""
        arguments, section = PROCESSES[name]
        port = self._ports.setdefault(name, free_port())
        settled = self.installation.with_settings(**{section: {"health_port": port}})
        process = settled.start(*arguments, log=self.directory / f"{name}.log", wait=False)
        process.health_port = port
        return process

    def stop(self, *names: str) -> None:
        """SIGTERM, all at once."""
        ending = [self.processes.pop(name) for name in names]
        for process in ending:
            process.popen.terminate()
        for process in ending:
            process.stop()

    def deploy(self, rules: Iterable[Rule] = (), **decode: Any) -> None:
        """Decode settings and rules change: API, decode agent and replay worker are started anew with them."""
        again = [name for name in ("decode", "replay") if name in self.processes]
        self.api.process.popen.terminate()
        self.stop(*again)
        self.api.process.stop()
        self.rules += rules
        self._write("rules", {rule.id: rule for rule in self.rules})
        self.api.installation = self.installation.with_settings(decode=decode)
        self.api.restart()
        self.start(*again)

    def quiet(self, timeout: float = 180) -> None:
        """Wait until all that was written has gone through every process that runs."""
        groups = {GROUPS.get(name, name) for name in self.processes if name != "replay"}
        meter, calm = LagMeter(self.installation.settings.kafka), 0
        try:
            deadline = time.monotonic() + timeout
            while calm < CALM:
                lag = {key: behind for key, behind in meter.measure(groups).items() if behind}
                calm = 0 if lag else calm + 1
                assert time.monotonic() < deadline, f"still lagging after {timeout} s: {lag}"
                time.sleep(ASKED_EVERY_S)
        finally:
            meter.close()

    def map(self, mapping: Mapping[str, DeviceMapping]) -> None:
        """The mapping is another from now on, as a person at the API may have made it."""
        self.mapping = dict(mapping)
        self._write("device-mapping", self.mapping)

    def live(self, count: int) -> None:
        """More raw records come, and go through everything; the model follows."""
        written = self.world.write(self.installation.settings.kafka, count)
        self.quiet()
        self.model.put(self.decoded(written))
        self.letters += letters(written, self._context(self.mapping))

    def decoded(
        self,
        records: Iterable[Standing] | None = None,
        mapping: Mapping[str, DeviceMapping] | None = None,
        **decoders: Decoder,
    ) -> list[tuple[Key, Row]]:
        """The rows of raw records (default: all) as the processes decode now, mapping or some decoders replaced."""
        settings = self.installation.settings
        context = self._context(self.mapping if mapping is None else mapping)
        context = replace(context, decoders={**context.decoders, **decoders})
        generations = table(settings.kafka, "generations", Generation).values()
        return self.model.decoded(self.world.records if records is None else records, context, numbers(generations))

    def _context(self, mapping: Mapping[str, DeviceMapping]) -> Context:
        return pipeline.context(self.installation.settings.decode, dict(mapping).get, rules=self.rules)

    def check(self, *, but: str = "") -> None:
        """The store holds what the model says: rows, aggregates, latest points; ``but``: as in ``differences``."""
        windows = (*self.installation.settings.window.base_s, 3600, 86_400)
        wrong = differences(expected(self.model, windows), found(self.store), but=but)
        assert not wrong, "\n".join(wrong)

    def check_and_verify(self) -> None:
        """The store holds what the model says, and `isthmus verify` finds no fault in it either."""
        self.check()
        faults = verify.check(self.installation.settings, wait_s=30).faults
        assert not faults, "\n".join(faults)

    def ask(self, method: str, path: str, **body: Any) -> Any:
        """The API's answer to the operator."""
        with self.api.client() as client:
            answer = client.request(method, path, json=body or None)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def kill(self, name: str) -> None:
        """kill -9; `start` starts it again."""
        self.processes.pop(name).kill()

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

    def told(self, replay: int) -> Difference:
        """What the replay keeps of its difference, point by point; what is the same is only counted."""
        now, before = (f"{p}value, {p}text, {p}quality, {p}uid, {p}version" for p in ("", "before_"))
        columns = f"kind, series_id, ts, {now.replace(' uid', ' logical_uid')}, {before}"
        made = Difference()
        for kind, series, ts, *content in self.store.rows(f"SELECT {columns} FROM replay_{replay}_diff"):
            new, old = Row(*content[:5]), Row(*content[5:])
            if kind == "changed":
                made.changed[series, ts] = old, new
            elif kind == "shielded":
                made.shielded.add((series, ts))
            else:
                getattr(made, kind)[series, ts] = old if kind == "removed" else new
        return made

    def agrees(self, record: dict[str, Any], wanted: Difference) -> None:
        """A replay found what the oracle says: the counts, each point in every detail, the groups, the samples."""
        assert not record["error"], record["error"]
        told, replay = self.told(record["id"]), record["id"]
        for kind in ("added", "removed", "changed", "shielded"):
            wrong = unlike(getattr(told, kind), getattr(wanted, kind))
            assert not wrong, (kind, [(self.model.names[key[0]], key, *rest) for key, *rest in wrong])
        assert record["figures"]["counts"] == wanted.counts
        assert record["figures"]["shielded"] == len(wanted.shielded)
        groups = self.ask("GET", f"/replays/{replay}/diff?by=device&limit=10000")
        assert {g["group"]: g["counts"] for g in groups if any(g["counts"].values())} == self.model.by_device(wanted)
        samples = {Told(s["kind"], s["device"], s["name"], time_of(s), number(s["before"]), number(s["after"]))
                   for s in self.ask("GET", f"/replays/{replay}/samples?limit=1000")}  # fmt: skip
        assert samples <= self.model.told(wanted)
        assert bool(samples) == bool(told.added or told.removed or told.changed)

    def _rested(self, replay: int) -> dict[str, Any]:
        record: dict[str, Any] = self.ask("GET", f"/replays/{replay}")
        return record if record["state"] in RESTING and not record["wish"] else {}

    def close(self) -> None:
        self.store.command(f"DROP DATABASE IF EXISTS `{self.installation.settings.clickhouse.database}`")
        self.store.close()

    def _write(self, topic: str, records: Mapping[str, DeviceMapping | Rule]) -> None:
        producer = kafka.BatchProducer(self.installation.settings.kafka)
        for key, record in records.items():
            producer.send(topic, key, avro.encode(record))
        producer.flush()


def unlike(told: Any, wanted: Any) -> list[tuple[Any, ...]]:
    """Some keys that are not in both, or not the same: key, told, wanted."""
    if isinstance(told, set):
        return [(key, key in told, key in wanted) for key in list(told ^ wanted)[:5]]
    wrong = [key for key in told.keys() | wanted.keys() if told.get(key) != wanted.get(key)]
    return [(key, told.get(key), wanted.get(key)) for key in wrong[:5]]


def time_of(sample: dict[str, Any]) -> int:
    """In ns."""
    return to_ns(datetime.fromisoformat(sample["time"]))


def number(shown: str) -> float | str:
    """A value as people read it, as a number if it is one."""
    try:
        return float(shown)
    except ValueError:
        return shown


def decode_as_older_code(
    installation: Installation, world: World, mapping: Mapping[str, DeviceMapping], **decoders: Decoder
) -> Model:
    """Before anything runs: an older version, with these decoders, decoded the world. Returns what the store will hold."""
    settings, model = installation.settings, Model()
    context = pipeline.context(settings.decode, dict(mapping).get)
    context = replace(context, decoders={**context.decoders, **decoders})
    producer = kafka.BatchProducer(settings.kafka)
    for standing in world.records:
        if standing.raw is not None:
            outcome = decode(standing.raw, Lineage(standing.partition, standing.offset), 1, context)
            for reading in outcome.readings:
                producer.send("readings", reading.device, avro.encode(reading))
    producer.flush()
    raw_log.open_generation(settings.kafka, 1, code="older")
    raw_log.commit(settings.kafka, raw_log.ends(settings.kafka))
    model.put(model.decoded(world.records, context))
    return model


def numbers(generations: Collection[Generation]) -> Callable[[int, int], int]:
    """Partition and offset -> the number of the generation in force."""

    def number(partition: int, offset: int) -> int:
        return max(g.number for g in generations if g.fences[str(partition)] <= offset)

    return number


@contextmanager
def running_with_webhook(stack: Stack, directory: Path) -> Iterator[Running]:
    """Everything from the webhook to replays, over an installation of its own."""
    with installed(stack, directory) as installation:
        made = Running(installation, directory, World(1), webhook={"port": free_port()})
        made.start("decode", "window", "clickhouse", "clickhouse-log", "replay")
        made.installation.start("run", "webhook", section="webhook", log=directory / "webhook.log")
        yield made
        made.close()
