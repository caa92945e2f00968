"""Rows 4, 6, 7, 8 and 15: sinks and servers."""

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from connectors.demo.mapping import patiently
from connectors.simulator import fleet
from deploy.local import daemon
from deploy.local.plan import StackError
from streams import lag
from streams.core.times import HOUR, SECOND
from tests.faults import written
from tests.faults.cases import order
from tests.faults.cases.common import PROCESSES, SINKS, die, kill_at_random
from tests.faults.judge import GROUPS
from tests.faults.run import Case, Run
from tests.faults.world import SERVERS
from tests.stack.harness import eventually

AWAY_S, STORE_AWAY_S = 600.0, 3600.0
SEEN_S = 2.0
"""for so long answers come again"""
OF_POINTS = re.compile(rb"INSERT INTO \S*points")
BUSY_S, MEASURED_S = 3600.0, 40.0


def kill_store_sink(one: Run) -> None:
    kill_at_random(one, "sink-clickhouse", 3)


def store_sink_at_points(one: Run) -> None:
    die(one, "store-before-insert", "store-after-insert", "store-before-commit")


def kill_other_sinks(one: Run) -> None:
    for name in SINKS[1:]:
        kill_at_random(one, name, 1)


def kill_kafka(one: Run) -> None:
    kill_at_random(one, "kafka", 2)


def kafka_away(one: Run) -> None:
    one.world.absent("kafka", one.scaled(AWAY_S, least=20))
    one.fresh_row(time.time())


def kafka_hangs(one: Run) -> None:
    """It has the requests and answers after our clients have given up: writes that succeeded time out."""
    with one.world.frozen("kafka"):
        one.wait(75, least=20)
    one.fresh_row(time.time())


def kafka_hangs_briefly(one: Run) -> None:
    """Again and again for longer than its session: it takes itself for dead, and says so to whoever asks too soon."""
    for _ in range(max(3, round(12 * one.scale))):
        with one.world.frozen("kafka"):
            time.sleep(one.rng.uniform(3, 9))
        one.fresh_row(time.time())
        time.sleep(one.rng.uniform(1, 5))


def restart_kafka(one: Run) -> None:
    one.world.end("kafka", within_s=60)
    one.fresh_row(time.time())


def kill_mqtt_broker(one: Run) -> None:
    kill_at_random(one, "mqtt-broker", 2)


def mqtt_broker_away(one: Run) -> None:
    one.world.absent("mqtt-broker", one.scaled(60, least=10))
    one.fresh_row(time.time())


def mqtt_broker_hangs(one: Run) -> None:
    """It has messages and acknowledgements that nobody hears of until keepalives have run out."""
    with one.world.frozen("mqtt-broker"):
        one.wait(90, least=15)
    one.fresh_row(time.time())


def servers_end(one: Run) -> None:
    """SIGTERM to each server, under load."""
    for name in SERVERS:
        one.world.end(name, within_s=60)
        one.fresh_row(time.time())


def kill_together(one: Run) -> None:
    """Several at once: what one waits for is away, too."""
    for _ in range(4):
        chosen = one.rng.sample((*PROCESSES, *SERVERS), 4)
        at = time.time()
        for name in chosen:
            one.world.kill(name)
            one.result.kills += 1
        one.fresh_row(at)


def kill_while_starting(one: Run) -> None:
    """Each of ours is killed, and again while it starts."""
    for name in PROCESSES:
        at = time.time()
        one.world.kill(name)
        time.sleep(one.rng.uniform(0.5, 3))
        one.world.kill(name)
        one.result.kills += 2
    one.fresh_row(at)


def kill_everything(one: Run) -> None:
    """All processes and who supervises them at once, as when a host restarts; again while they start; then `make up`."""
    at = time.time()
    one.result.kills += one.world.kill_everything()
    with ThreadPoolExecutor(1) as beside:
        starting = beside.submit(one.world.up)
        eventually(lambda: daemon.running(one.world.home))
        time.sleep(one.rng.uniform(1, 15))
        one.result.kills += one.world.kill_everything()
        one.holds("who starts it says so", isinstance(starting.exception(60), StackError | None))
    one.world.up()
    one.fresh_row(at)
    one.load.more(60)


def kill_supervisor(one: Run) -> None:
    """Nobody needs it to go on; the next one ends what this one left behind, and starts all again."""
    one.world.kill_supervisor()
    one.result.kills += 1
    one.wait(60, least=5)
    one.load.more(60)
    one.fresh_row(time.time())
    at = time.time()
    one.world.up()
    one.fresh_row(at)


def kill_clickhouse(one: Run) -> None:
    kill_at_random(one, "clickhouse", 2)


def clickhouse_away(one: Run) -> None:
    """Everybody else goes on: only the store's groups fall behind."""
    others = set(GROUPS) - {"sink-clickhouse", "sink-clickhouse-log"}
    one.world.store_proxy.shut()
    one.world.absent("clickhouse", one.scaled(STORE_AWAY_S, least=20))
    meter = lag.LagMeter(one.world.settings.kafka)
    eventually(lambda: max(meter.measure(others).values()) < 500, 30)
    meter.close()
    one.world.store_proxy.open()
    one.fresh_row(time.time())


def clickhouse_answers_late(one: Run) -> None:
    """It does what it is asked, and the answer gets lost: every insert is made again."""
    for _ in range(3):
        _lose_answers(one)
        time.sleep(one.rng.uniform(1, 3))
    one.fresh_row(time.time())


def _lose_answers(one: Run) -> None:
    """Until points were inserted of which the sink does not know.

    A batch that begins with something else, as the names of new series, would begin with it for ever: it is let through.
    """
    eventually(lambda: any(OF_POINTS.search(asked) for asked in _lost(one)), every=SEEN_S)


def _lost(one: Run) -> list[bytes]:
    """How the requests began whose answers were lost for some seconds."""
    proxy, before = one.world.store_proxy, len(one.world.store_proxy.swallowed)
    proxy.swallow(now=True)
    try:
        time.sleep(one.rng.uniform(2, 6))
    finally:
        proxy.swallow(now=False)
    return proxy.swallowed[before:]


def clickhouse_hangs(one: Run) -> None:
    with one.world.frozen("clickhouse"):
        one.wait(60, least=15)
    one.fresh_row(time.time())


def kill_ubidots_sink(one: Run) -> None:
    """What it had posted and not committed is posted again, which changes nothing there."""
    one.load.also(_of_mapped_boxes(one))
    kill_at_random(one, "sink-ubidots", 3)


def busy_ubidots(one: Run) -> None:
    """429 for everything: nobody else notices, and in the end every point of a mapped device is there once."""
    said = _of_mapped_boxes(one)
    one.note_delays("free", MEASURED_S)
    one.world.behave("busy")
    refused = _refused_by_ubidots(one)
    one.load.through(one.load.also(islice(said, 300)))
    one.wait(BUSY_S - MEASURED_S, least=10)
    one.note_delays("busy", MEASURED_S)
    one.holds("Ubidots refuses", _refused_by_ubidots(one) > refused)
    one.holds(
        "rows come to ClickHouse as soon as before",
        one.result.notes["delay_p50_s_busy"] < 1.2 * one.result.notes["delay_p50_s_free"] + 0.1,
    )
    one.world.behave("unlimited")


def dots_were_there(one: Run) -> None:
    """Else there was nothing to post."""
    one.holds("there are dots to compare", one.result.notes.get("dots", 0) > 0)


def _of_mapped_boxes(one: Run) -> Iterator[fleet.Message]:
    """Map boxes of this case alone; what they say, without end."""
    seed = one.result.seed * 1000 + 500 + one.result.row
    options = fleet.Options(seed=seed, devices=6, start=time.time_ns(), interval=SECOND // 20)
    for box in fleet.devices(options):
        patiently(written.settle, one.world.api, box, time.time_ns() - 8 * HOUR)
    return fleet.messages(options)


def _refused_by_ubidots(one: Run) -> int:
    return int(one.world.ubidots().get("status_429", 0))


CASES = (
    Case("kill-store-sink", 4, kill_store_sink, posts_once=True),
    Case("store-sink-dies-at-points", 4, store_sink_at_points),
    Case("kill-other-sinks", 4, kill_other_sinks),
    Case("kill-ubidots-sink", 4, kill_ubidots_sink, after=dots_were_there),
    Case("kill-kafka", 6, order.beside(kill_kafka), after=order.was_kept),
    Case("restart-kafka", 6, order.beside(restart_kafka), after=order.was_kept),
    Case("kafka-hangs", 6, order.beside(kafka_hangs), waits_s=75, after=order.was_kept),
    Case("kafka-hangs-briefly", 6, order.beside(kafka_hangs_briefly), waits_s=12 * 9, after=order.was_kept),
    Case("kafka-away", 6, order.beside(kafka_away), waits_s=AWAY_S, rate=20, after=order.was_kept),
    Case("kill-mqtt-broker", 6, kill_mqtt_broker, posts_once=True),
    Case("mqtt-broker-away", 6, mqtt_broker_away, waits_s=60),
    Case("mqtt-broker-hangs", 6, mqtt_broker_hangs, waits_s=90),
    Case("servers-end", 18, servers_end),
    Case("kill-together", 6, kill_together),
    Case("kill-while-starting", 4, kill_while_starting),
    Case("kill-everything", 6, kill_everything),
    Case("kill-supervisor", 4, kill_supervisor, waits_s=60),
    Case("kill-clickhouse", 7, kill_clickhouse, posts_once=True),
    Case("clickhouse-hangs", 7, clickhouse_hangs, waits_s=60),
    Case("clickhouse-away", 7, clickhouse_away, waits_s=STORE_AWAY_S, rate=20),
    Case("clickhouse-answers-late", 8, clickhouse_answers_late),
    Case("busy-ubidots", 15, busy_ubidots, waits_s=BUSY_S, rate=20, posts_once=True, after=dots_were_there),
)
