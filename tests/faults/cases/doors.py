"""Rows 1, 2, 9, 11 and 18: the doors, and everything that is asked to end under load."""

import itertools
import json
import time
from collections.abc import Iterator

from connectors.simulator import fleet
from connectors.simulator.fleet import Message
from tests.faults.cases.common import PROCESSES, die, kill_at_random
from tests.faults.run import Case, Run
from tests.stack.harness import eventually

SPOOL_MB = 1
DRAIN_S = 15.0
KB = 1024


def kill_connector(one: Run) -> None:
    kill_at_random(one, "mqtt", 3)


def kill_connector_before_kafka_confirms(one: Run) -> None:
    """It holds what Kafka has not confirmed; the broker must still have all of it."""
    with one.world.frozen("kafka"):
        time.sleep(2)
        at = time.time()
        one.world.kill("mqtt")
    one.fresh_row(at)


def kill_connector_while_it_reconnects(one: Run) -> None:
    one.world.kill("mqtt-broker")
    time.sleep(one.rng.uniform(0.2, 3))
    at = time.time()
    one.world.kill("mqtt")
    one.fresh_row(at)


def connector_at_points(one: Run) -> None:
    die(one, "connector-before-produce", "connector-before-puback")


def kill_webhook(one: Run) -> None:
    kill_at_random(one, "webhook", 3)


def webhook_at_points(one: Run) -> None:
    die(one, "webhook-before-produce", "webhook-before-answer")


def full_spool(one: Run) -> None:
    """Kafka away, a small spool: what does not fit is refused, what was accepted arrives."""
    one.load.also(_large(one.result.seed))
    port = one.world.settings.webhook.health_port
    refused = one.world.metric(port, "isthmus_refused_total")
    with one.world.frozen("kafka"):
        one.wait(30, least=8)
        eventually(lambda: one.world.metric(port, "isthmus_refused_total") > refused)
        one.result.notes["spooled_mb"] = one.world.metric(port, "isthmus_spool_bytes") / KB**2
        one.holds("the spool is filled, and keeps its quota", SPOOL_MB / 2 < one.result.notes["spooled_mb"] <= SPOOL_MB)
    one.fresh_row(time.time())


def _large(seed: int) -> Iterator[Message]:
    """20 kB of values that nobody decodes: the spool is full after fifty."""
    for number in itertools.count():
        body = json.dumps(
            {"device": f"large-{seed}", "time": time.time_ns(), "values": {"n": number}, "more": "x" * 20_000}
        )
        yield Message(0, "large", f"json:large-{seed}", "json", "http", "/webhooks/json", body.encode())


def duplicates(one: Run) -> None:
    """Every second message twice, by a sender that did not hear the answer; raw records twice, too."""
    now = time.time_ns()
    options = fleet.Options(seed=one.result.seed + 11, start=now, interval=20_000_000, duplicates=0.5)
    one.load.also(fleet.messages(options))
    one.load.more(300)
    one.copy_raw(200)
    one.load.through(one.load.also(_contradicting(one.result.seed)))


def _contradicting(seed: int) -> Iterator[Message]:
    """The same device and time again and again, each time with another value: the higher lineage wins."""
    base = time.time_ns() // 10**9 * 10**9
    for number in range(100):
        body = json.dumps({"device": f"twice-{seed}", "time": base + number % 5 * 10**9, "values": {"v": number}})
        yield Message(0, "contradicting", f"json:twice-{seed}", "json", "mqtt", f"json/twice-{seed}", body.encode())


def terminate(one: Run) -> None:
    """SIGTERM to each of ours, under load."""
    for name in PROCESSES:
        took = one.world.end(name)
        one.result.notes[f"{name}_ends_s"] = round(took, 2)
        one.holds(f"{name} ends within {DRAIN_S:.0f} s of SIGTERM (took {took:.1f} s)", took <= DRAIN_S)
        status = one.world.processes()[name].exit_status
        one.holds(f"{name} ends with status 0 after SIGTERM, not {status}", status == 0)
        one.load.more(30)
    one.fresh_row(time.time())


CASES = (
    Case("kill-connector", 1, kill_connector, posts_once=True),
    Case("kill-connector-before-kafka-confirms", 1, kill_connector_before_kafka_confirms),
    Case("kill-connector-while-it-reconnects", 1, kill_connector_while_it_reconnects),
    Case("connector-dies-at-points", 1, connector_at_points),
    Case("kill-webhook", 2, kill_webhook),
    Case("webhook-dies-at-points", 2, webhook_at_points, posts_once=True),
    Case("full-spool", 9, full_spool, waits_s=30),
    Case("duplicates", 11, duplicates, posts_once=True),
    Case("sigterm", 18, terminate, posts_once=True),
)
