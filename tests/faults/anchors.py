"""What must fail in this harness: others' ways at their defaults, and our own code with a promise broken.

Each is done to ours, too, by the same function: what fails there must hold here.
"""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from confluent_kafka import ConsumerGroupState
from msgspec import Struct

from connectors.demo import quiet
from connectors.simulator.ledger import fingerprint
from connectors.sinks.clickhouse.migrate import migrate
from connectors.sources.receipt import receive
from streams import avro, kafka
from streams.commits import Commits
from streams.core.records import Generation, Lineage, Reading
from streams.registry.hashes import code_hash, codecs_hash, rules_hash, topics_hash
from streams.settings import Settings
from tests.faults.judge import Verdict, fill
from tests.faults.result import Result
from tests.faults.run import Case, Run
from tests.stack import doors
from tests.stack.conftest import installed
from tests.stack.harness import Installation, Process, eventually
from tests.stack.proxy import Proxy

HELD, RATE, KILL_AFTER_S, PATIENCE_S = 150, 50, 6.0, 45.0
GROUPS = {"decode", "window", "sink-clickhouse", "sink-clickhouse-log"}
RIVALS, MUTANTS, OURS = "tests.faults.rivals", "tests.faults.mutants", "connectors.cli"


class Command(Struct, frozen=True):
    """How a process is started."""

    module: str
    arguments: tuple[str, ...]


LOG = "sink-clickhouse-log"
PROCESSES = {
    "decode": Command(OURS, ("run", "decode")),
    "window": Command(OURS, ("run", "window")),
    LOG: Command(OURS, ("run", "sink", "clickhouse-log")),
}


def door(command: Command, one: Run) -> None:
    """Kill a connector that holds messages while Kafka is away: what the broker believes delivered must be in `raw`."""
    with installed(one.world.servers, _directory(one)) as base, _away(base) as proxy:
        unique, log = base.unique, _directory(one) / "door.log"
        broker = {"port": base.stack.mqtt_port, "client_id": unique, "session_expiry_s": 600}
        broker["subscriptions"] = [{"filter": f"{unique}/json/#", "source": "json"}]
        at = base.with_settings(kafka={"bootstrap_servers": proxy.address}, mqtt={"brokers": [broker]})
        start = partial(at.start, *command.arguments, section="mqtt", module=command.module, log=log)
        process, sent = start(), [b"%d" % number for number in range(200)]
        proxy.shut()
        doors.publish(base, [(f"{unique}/json/a", body) for body in sent])
        eventually(lambda: _held(process) >= HELD)
        process.kill()
        proxy.open()
        start()
        doors.publish(base, [(f"{unique}/json/a", b"last")])
        eventually(lambda: b"last" in {record.payload for record in doors.raw(base)})
        found = Counter(fingerprint(record.source, record.payload) for record in doors.raw(base))
        lost = Counter(fingerprint("json", body) for body in sent) - found
    one.result.sent = one.result.acknowledged = one.result.points = len(sent)
    one.result.missing, one.result.kills = lost.total(), 1
    one.result.faults += [f"acknowledged, not in raw: {content}" for content in lost]


def agent(victim: str, command: Command, one: Run) -> None:
    """Kill an agent, or the sink of the log, under load: the store must equal the log.

    What a decode agent or a sink has passed over is lost already, so its successor is ours; a window agent does its harm
    when it starts again.
    """
    with installed(one.world.servers, _directory(one)) as at:
        settings, log = at.settings, _directory(one) / f"{victim}.log"
        _open_generation(settings)
        migrate(settings.clickhouse)
        commands = PROCESSES | {victim: command}
        at.start("run", "sink", "clickhouse", section="sink", log=log, wait=False)
        started = {
            kind: at.start(*c.arguments, section=_section(kind), module=c.module, log=log, wait=False)
            for kind, c in commands.items()
        }
        eventually(lambda: all(process.ready() for process in at.processes), 60)
        with _producing(at, one):
            _await_moment(at, victim, within_s=4 * KILL_AFTER_S if one.result.must_fail else KILL_AFTER_S)
            started[victim].kill()
            successor = command if victim == "window" else PROCESSES[victim]
            if command.module == RIVALS:
                _await_empty(at, victim)  # ours cannot join a group that assigns in another way
            at.start(*successor.arguments, section=_section(victim), module=successor.module, log=log)
            time.sleep(KILL_AFTER_S / 2)
        _settle(at, one.result)
        one.result.kills = 1


def _section(kind: str) -> str:
    return kind.partition("-")[0]


def _await_empty(at: Installation, group: str) -> None:
    settings = at.settings.kafka
    admin, name = kafka.admin(settings), kafka.group(settings, group)
    eventually(
        lambda: admin.describe_consumer_groups([name])[name].result(60).state is ConsumerGroupState.EMPTY, every=0.5
    )


def _await_moment(at: Installation, victim: str, within_s: float) -> None:
    """The moment at which a decode agent has promised too much, if it ever does."""
    time.sleep(KILL_AFTER_S)
    deadline = time.monotonic() + within_s - KILL_AFTER_S
    while victim == "decode" and time.monotonic() < deadline and not _passed_over(at):
        time.sleep(0.1)


def _settle(at: Installation, result: Result) -> None:
    """The comparison when all is done; else what was passed over for certain: a group that is stuck has lost nothing yet."""
    try:
        quiet.wait_for_zero_lag(at.settings, GROUPS, PATIENCE_S)
    except quiet.Restless as restless:
        passed_over = _passed_over(at)
        result.missing, result.faults = len(passed_over), [str(restless), *map(str, passed_over)]
    else:
        fill(result, Verdict(quiet.settled(at.settings, [], 10), []))


def _passed_over(at: Installation) -> list[Lineage]:
    """Raw records that the decode group has committed past and that nothing came of."""
    seen = {(r.raw_partition, r.raw_offset) for r in doors.contents(at, "readings", Reading)}
    settings = at.settings.kafka
    with Commits(settings) as commits:
        committed = commits.of("decode", "raw", range(settings.partitions))
    return [Lineage(p, offset) for p, end in committed.items() for offset in range(end) if (p, offset) not in seen]


@contextmanager
def _producing(at: Installation, one: Run) -> Iterator[None]:
    """Raw records of ten devices in the background, as connectors write them."""
    stop, settings = threading.Event(), at.settings.kafka

    def produce() -> int:
        producer, number = kafka.BatchProducer(settings), 0
        while not stop.wait(1 / RATE):
            device = f"{at.unique}-{number % 10}"
            body = json.dumps({"device": device, "time": time.time_ns(), "values": {"n": number}})
            record = receive(
                "json", "mqtt", f"json/{device}", body.encode(), headers=(), content_type="", connector="test"
            )
            producer.send("raw", f"json:{device}", avro.encode(record))
            producer.flush()
            number += 1
        return number

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(produce)
        try:
            yield
        finally:
            stop.set()
        one.result.sent = one.result.acknowledged = running.result(30)


def _open_generation(settings: Settings) -> None:
    producer = kafka.BatchProducer(settings.kafka)
    made = Generation(
        number=1, fences={str(p): 0 for p in range(settings.kafka.partitions)}, code=code_hash(settings.decode),
        codecs=codecs_hash(()), rules=rules_hash(()), topics=topics_hash(()), opened_at=0, opened_by="test", why="test",
    )  # fmt: skip
    producer.send("generations", "1", avro.encode(made))
    producer.flush()


@contextmanager
def _away(base: Installation) -> Iterator[Proxy]:
    """Kafka behind a proxy that is open."""
    proxy = Proxy(base.stack.kafka, kafka=True)
    proxy.open()
    try:
        yield proxy
    finally:
        proxy.close()


def _held(process: Process) -> float:
    lines = (line for line in process.metrics().splitlines() if line.startswith("isthmus_in_process{"))
    return sum(float(line.rpartition(" ")[2]) for line in lines)


def _directory(one: Run) -> Path:
    made = one.world.directory / one.result.name
    made.mkdir(exist_ok=True)
    return made


def _case(name: str, row: int, act: partial[None], *, must_fail: bool = True) -> Case:
    return Case(name, row, act, must_fail=must_fail, standalone=True)


def _mutant(name: str, *arguments: str) -> Command:
    return Command(MUTANTS, (name, *arguments))


CASES = (
    _case("anchor-aiomqtt", 1, partial(door, Command(RIVALS, ("aiomqtt",)))),
    _case("mutant-acknowledges-early", 1, partial(door, _mutant("acknowledges-early", "run", "mqtt"))),
    _case("ours-in-place-of-aiomqtt", 1, partial(door, Command(OURS, ("run", "mqtt"))), must_fail=False),
    _case("anchor-faust", 3, partial(agent, "decode", Command(RIVALS, ("faust",)))),
    _case("mutant-commits-early", 3, partial(agent, "decode", _mutant("commits-early", "run", "decode"))),
    _case("ours-in-place-of-faust", 3, partial(agent, "decode", Command(OURS, ("run", "decode"))), must_fail=False),
    _case("mutant-folds-uncovered", 3, partial(agent, "window", _mutant("folds-uncovered", "run", "window"))),
    _case("mutant-inserts-late", 3, partial(agent, LOG, _mutant("inserts-late", "run", "sink", "clickhouse-log"))),
    _case("ours-in-place-of-late", 3, partial(agent, LOG, PROCESSES[LOG]), must_fail=False),
    _case("ours-in-place-of-uncovered", 3, partial(agent, "window", Command(OURS, ("run", "window"))), must_fail=False),
)
