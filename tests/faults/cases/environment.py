"""Rows 9 and 12: the machine under the processes: disks that are full, clocks that jump."""

import itertools
import json
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import httpx

from connectors.demo.mapping import patiently
from connectors.replays.office import Office
from connectors.simulator import fleet
from connectors.simulator.fleet import Message
from connectors.simulator.ledger import Ledger
from connectors.verify import store_side
from streams import lag
from streams.core.times import HOUR, SECOND
from streams.replay.job import Mode, State
from tests.faults import disks, written
from tests.faults.cases.common import AGENTS
from tests.faults.cases.replays import OVER
from tests.faults.judge import GROUPS
from tests.faults.load import PATIENCE_S
from tests.faults.run import Case, Run
from tests.stack.harness import eventually
from tests.zone import ZONE

DAY_S, HOUR_S = 86_400, 3600
JUMPS_S = (HOUR_S, -HOUR_S, DAY_S, 0, -DAY_S, 0)
JUMP_S = 0.5
CLOCKS = ("mqtt", "webhook", "decode", "window", "sink-clickhouse", "sink-clickhouse-log", "sink-files", "sink-archive",
          "sink-device-logs", "sink-ubidots", "api", "replay")  # fmt: skip
DOORS = ("mqtt", "webhook")
STORE = {"sink-clickhouse", "sink-clickhouse-log"}
FILES = {"files": "sink-files", "archive": "sink-archive", "device_logs": "sink-device-logs"}
FULL_S = 60.0
SMALL = 500
"""records: as many may be under way where nothing is wrong"""


def full_store_disk(one: Run) -> None:
    """Nothing can be inserted: the sinks wait and say why, everybody else goes on; the engine may die meanwhile."""
    with one.world.disks["clickhouse"].full():
        eventually(lambda: "space" in one.world.told("sink-clickhouse"))
        _waits(one, STORE)
        one.wait(FULL_S, least=15)
        at = one.world.alive("clickhouse")
        one.world.kill("clickhouse")
        eventually(lambda: one.world.alive("clickhouse") != at)
        one.wait(FULL_S, least=10)
        _others_go_on(one, STORE)
    one.fresh_row(time.time())
    one.world.ready("clickhouse", *STORE)


def full_file_disks(one: Run) -> None:
    """Files, archive and device logs on disks that are full: they wait, also when they start again, and go on."""
    one.load.also(written.log_lines(one.load.devices[1].identity))
    one.load.more(200)
    with disks.full([one.world.disks[name] for name in FILES]):
        for name in FILES.values():
            eventually(lambda name=name: "No space left" in one.world.told(name))  # type: ignore[misc]  # mypy: no default of a lambda's
        _waits(one, set(FILES.values()))
        for name in FILES.values():
            one.world.kill(name)
            one.result.kills += 1
        one.wait(FULL_S, least=10)
        _others_go_on(one, set(FILES.values()))
    one.fresh_row(time.time())
    one.load.more(200)
    one.world.ready(*FILES.values())


def full_spool_disk(one: Run) -> None:
    """Kafka away, the spool's disk full: nothing is acknowledged that is nowhere; it takes over again afterwards."""
    settings = one.world.settings.webhook
    with one.world.frozen("kafka"):
        eventually(lambda: one.world.metric(settings.health_port, "isthmus_spool_records") > 0)
        with one.world.disks["spool"].full():
            eventually(lambda: _refused(one) > 0)
            eventually(lambda: one.world.told("webhook") not in ("", "ok\n"))
            refused = _refused(one)
            one.wait(FULL_S, least=10)
            one.holds("every message is refused", _refused(one) > refused)
        eventually(lambda: one.world.told("webhook") == "ok\n")
    one.fresh_row(time.time())
    eventually(lambda: one.world.metric(settings.health_port, "isthmus_spool_records") == 0)


def full_spool_disk_while_it_drains(one: Run) -> None:
    """Kafka is back before the space is: what was spooled arrives, new messages go past the spool, none is lost."""
    settings = one.world.settings.webhook
    with one.world.frozen("kafka"):
        eventually(lambda: one.world.metric(settings.health_port, "isthmus_spool_records") > 20)
        with one.world.disks["spool"].full():
            one.wait(FULL_S, least=5)
            one.world.resume("kafka")
            one.fresh_row(time.time(), "http")
            one.world.kill("webhook")
            one.wait(FULL_S, least=5)
    one.fresh_row(time.time())
    eventually(lambda: one.world.metric(settings.health_port, "isthmus_spool_records") == 0)


def full_kafka_disk(one: Run) -> None:
    """It ends, and cannot start: doors keep what they acknowledge, everybody waits, and goes on when there is space."""
    settings = one.world.settings.webhook
    with one.world.disks["kafka"].full():
        eventually(lambda: one.world.metric(settings.health_port, "isthmus_spool_records") > 0)
        one.wait(FULL_S, least=15)
    one.fresh_row(time.time())
    eventually(lambda: one.world.metric(settings.health_port, "isthmus_spool_records") == 0)


def full_mqtt_broker_disk(one: Run) -> None:
    """It acknowledges nothing that it cannot keep, also when it starts again; the other door goes on."""
    with one.world.disks["mqtt-broker"].full():
        eventually(lambda: one.load.silent("mqtt"))
        one.wait(FULL_S, least=10)
        one.world.kill("mqtt-broker")
        one.result.kills += 1
        one.wait(FULL_S, least=10)
        eventually(lambda: one.load.silent("mqtt"))
        one.holds("the other door goes on", _posted_beside(one))
    one.fresh_row(time.time())


def _posted_beside(one: Run) -> bool:
    """A message with a ledger of its own."""
    body = json.dumps({"device": "beside", "values": {"n": one.rng.random()}}).encode()
    message = Message(time.time_ns(), "beside", "json:beside", "json", "http", "/webhooks/json", body)
    door = f"http://127.0.0.1:{one.world.settings.webhook.port}{message.address}"
    answer = httpx.post(door, content=body, headers={"Content-Type": "application/json"}, timeout=10)
    with Ledger(one.world.directory / f"ledger-{message.at}.ndjson") as book:
        book.write(message, acknowledged=answer.status_code == httpx.codes.NO_CONTENT, tries=1)
    return bool(book.acknowledged)


def host_clock_jumps(one: Run) -> None:
    """The host's clock is set, again and again, while agents are restarted, places change and a replay runs."""
    before = _restarts(one)
    for seconds in JUMPS_S:
        one.world.set_clock(seconds)
        one.world.await_clocks(seconds, *CLOCKS)
        one.load.more(120)
        one.wait(30, least=3)
    one.fresh_row(time.time())
    one.holds("nobody ends because of a clock", _restarts(one) == before)


def clocks_differ(one: Run) -> None:
    """One process's clock after the other's, as on hosts of their own; and agents that start again meanwhile."""
    before = _restarts(one)
    one.load.also(_untimed(one))
    for name in CLOCKS:
        seconds = DAY_S if name in DOORS else one.rng.choice((HOUR_S, -HOUR_S, DAY_S))
        one.world.set_clock(seconds, name)
        one.world.await_clocks(seconds, name)
        one.load.more(60)
    one.wait(30, least=3)
    one.holds("nobody ends because of a clock", _restarts(one) == before)
    for name in ("decode-0", "window-0", "sink-clickhouse", "sink-files", "sink-archive"):
        one.world.kill(name)
        one.result.kills += 1
        one.load.more(60)
    one.load.more(200)
    for name in CLOCKS:
        one.world.set_clock(0, name)
    one.fresh_row(time.time())


def daylight_saving(one: Run) -> None:
    """Messages of the nights in which the zone of all processes changed its clocks last: one hour is there twice, one never."""
    said = []
    for number, switch in enumerate(switches(datetime.now(UTC))):
        start = round(switch.timestamp()) * SECOND - 3 * HOUR
        options = fleet.Options(seed=one.result.seed * 10 + number, devices=4, start=start, interval=SECOND * 90)
        said.append(one.load.also(itertools.islice(fleet.messages(options), 240)))
    one.load.through(*said)


def switches(before: datetime) -> list[datetime]:
    """The last two moments, to the hour, at which the zone's offset to UTC became another; the later one first."""
    zone, hour = ZoneInfo(ZONE), before.replace(minute=0, second=0, microsecond=0)
    found = list[datetime]()
    while len(found) < 2:
        if hour.astimezone(zone).utcoffset() != (hour - timedelta(hours=1)).astimezone(zone).utcoffset():
            found.append(hour)
        hour -= timedelta(hours=1)
    return found


def nothing_lies_ahead(one: Run) -> None:
    """Doors whose clocks are a day ahead receive messages without a time of their own."""
    client = store_side.connect(one.world.settings.clickhouse)
    ahead = "SELECT count() FROM points FINAL WHERE ts > now() + INTERVAL 2 HOUR"
    found: int = client.query(ahead).result_rows[0][0]
    client.close()
    one.holds(f"no point lies in the future: {found}", found == 0)


def _untimed(one: Run) -> Iterator[Message]:
    for number in itertools.count():
        device = f"untimed-{one.result.seed}-{number % 5}"
        body = json.dumps({"device": device, "values": {"n": number}}).encode()
        transport, address = (("mqtt", f"json/{device}"), ("http", "/webhooks/json"))[number % 2]
        yield Message(time.time_ns(), "untimed", f"json:{device}", "json", transport, address, body)


def replay_while_clocks_jump(one: Run) -> None:
    """Late mappings place points anew, and a decode replay is applied, with the clock set in between."""
    for number, box in enumerate(one.load.devices[6:12]):
        one.world.set_clock(JUMPS_S[number])
        patiently(written.settle, one.world.api, box, time.time_ns() - 8 * HOUR)
    one.world.set_clock(0)
    with closing(Office(one.world.settings)) as office:
        made = office.create(Mode.DECODE.value, {"sources": ["json", "wombat"]}, apply=True, why="faults")
        state = _ended_while_clocks_jump(one, office, made.id)
    one.holds(f"the replay is applied, not {state}", state == State.APPLIED)
    one.fresh_row(time.time())


def _ended_while_clocks_jump(one: Run, office: Office, replay: int) -> str:
    """How it ended; how it stands when patience has."""
    deadline = time.monotonic() + PATIENCE_S
    for seconds in itertools.cycle(JUMPS_S):
        one.world.set_clock(seconds)
        time.sleep(JUMP_S)
        state = office.get(replay).state
        if state in OVER or time.monotonic() > deadline:
            break
    one.world.set_clock(0)
    return state


def _restarts(one: Run) -> dict[str, int]:
    return {name: process.restarts for name, process in one.world.processes().items()}


def _refused(one: Run) -> float:
    return one.world.metric(one.world.settings.webhook.health_port, "isthmus_refused_total")


def _waits(one: Run, groups: set[str]) -> None:
    """These commit nothing while messages come."""
    before = _behind(one, groups)
    one.load.more(200)
    after = _behind(one, groups)
    one.holds(f"who cannot write waits: {before} records behind, then {after}", after > before)


def _others_go_on(one: Run, groups: set[str]) -> None:
    others = set(GROUPS) - groups
    eventually(lambda: _behind(one, others, most=True) < SMALL, 30)


def _behind(one: Run, groups: set[str], *, most: bool = False) -> int:
    meter = lag.LagMeter(one.world.settings.kafka)
    found = meter.measure(groups).values()
    meter.close()
    return max(found) if most else sum(found)


CASES = (
    Case("clickhouse-disk-full", 9, full_store_disk, waits_s=2 * FULL_S, small_disks=True),
    Case("file-disks-full", 9, full_file_disks, waits_s=FULL_S, small_disks=True),
    Case("spool-disk-full", 9, full_spool_disk, waits_s=FULL_S, small_disks=True),
    Case(
        "spool-disk-full-while-it-drains",
        9,
        full_spool_disk_while_it_drains,
        waits_s=2 * FULL_S,
        small_disks=True,
        may_end=frozenset({"webhook"}),
    ),
    # an agent ends when Kafka answers with a fault of its own kind, as one without disk does, and is started again
    Case("kafka-disk-full", 9, full_kafka_disk, waits_s=FULL_S, small_disks=True, may_end=frozenset(AGENTS)),
    Case("mqtt-broker-disk-full", 9, full_mqtt_broker_disk, waits_s=2 * FULL_S, small_disks=True),
    Case("host-clock-jumps", 12, host_clock_jumps, waits_s=30 * len(JUMPS_S)),
    Case("clocks-differ", 12, clocks_differ, waits_s=30, after=nothing_lies_ahead),
    Case("daylight-saving", 12, daylight_saving, posts_once=True),
    Case("replay-while-clocks-jump", 12, replay_while_clocks_jump),
)
