"""Rows 10, 12, 14 and 16: what devices say, how much, and when."""

import itertools
import json
import random
import time
from collections.abc import Iterator, Sequence

from connectors.demo.mapping import patiently, text_of
from connectors.simulator import fleet
from connectors.simulator.fleet import Message
from connectors.verify.circumstances import LIMITS
from streams import avro, kafka, lag
from streams.core.records import DeadLetter
from streams.core.times import DAY, SECOND
from streams.scan import scan
from tests.faults.judge import GROUPS
from tests.faults.load import Load, sending
from tests.faults.run import Case, Run
from tests.faults.world import World
from tests.stack.harness import eventually

BURST_S, TIMES = 60.0, 10
SENT = 0.95
"""of what a burst should send is one, too"""
UNDER_WAY = 1000
"""records: as many of a group may be on their way, or held until rollups are made, where nothing is behind"""
SPARED = 2
FAIR_S = 5.0
"""the longest that 99 of 100 messages of others take while one device floods"""
HTTP, MQTT = "/webhooks/json", "json/poison"
CODECS = {"endless": "while (true) {}", "throwing": 'throw new Error("no");'}
"""name, and what it does"""
EUI = "00000000feed"
SENDER = f"ttn:{EUI}"


def poison(one: Run) -> None:
    """Through the doors and straight into `raw`; the fleet's messages around it must come out right."""
    said = one.load.also(iter(list(_bodies()) + list(_mutilated(one.rng, 300))))
    _poison_raw(one)
    one.load.through(said)
    one.fresh_row(time.time())


def _bodies() -> Iterator[Message]:
    now = time.time_ns()
    kinds: dict[str, bytes] = {
        "nothing": b"",
        "zeros": bytes(5000),
        "no-utf8": b"\xff\xfe\x80{",
        "deep": b"[" * 100_000,
        "deep-object": b'{"a":' * 50_000,
        "huge-number": b'{"device":"p","time":%d,"values":{"v":1e999}}' % now,
        "long-integer": b'{"device":"p","time":%d,"values":{"v":%s}}' % (now, b"9" * 5000),
        "nan": b'{"device":"p","time":%d,"values":{"v":NaN,"w":-Infinity}}' % now,
        "1970": b'{"device":"p","time":0,"values":{"v":1}}',
        "before": b'{"device":"p","time":"1815-12-10T00:00:00Z","values":{"v":1}}',
        "2106": b'{"device":"p","time":"2106-02-07T06:28:16Z","values":{"v":1}}',
        "9999": b'{"device":"p","time":"9999-12-31T23:59:59Z","values":{"v":1}}',
        "no-device": b'{"time":%d,"values":{"v":1}}' % now,
        "name-of-a-path": b'{"device":"../../etc/passwd","time":%d,"values":{"../x\\u0000":1}}' % now,
        "same-key-twice": b'{"device":"p","time":%d,"values":{"v":1,"v":2}}' % now,
        "large": b'{"device":"p","time":%d,"values":{"v":1},"more":"%s"}' % (now, b"x" * 10_000_000),
        "lone-surrogate": b'{"device":"\\ud800","time":%d,"values":{"\\udfff":1}}' % now,
    }
    sources = ("ttn", "ydoc", "wombat", "dragino_json", "csv", "chirpstack", "vibration", "points", "factory", "signed")
    for kind, body in kinds.items():
        yield Message(now, f"poison-{kind}", "json:p", "json", "mqtt", MQTT, body)
        for source in ("json", *sources):
            yield Message(now, f"poison-{kind}", f"{source}:p", source, "http", f"/webhooks/{source}", body)
            if kind == "large":
                break


def _mutilated(rng: random.Random, count: int) -> Iterator[Message]:
    """Good messages with a byte changed, cut or put in twice."""
    options = fleet.Options(seed=rng.randrange(2**16), start=time.time_ns(), interval=SECOND // 10, malformed=0.2)
    for message in itertools.islice(fleet.messages(options), count):
        at = rng.randrange(len(message.payload) + 1)
        body = message.payload
        changed = rng.choice((body[:at], body[at:], body[:at] + body, body[:at] + rng.randbytes(1) + body[at + 1 :]))
        yield Message(
            message.at, "mutilated", message.device, message.source, message.transport, message.address, changed
        )


def _poison_raw(one: Run) -> None:
    producer = kafka.BatchProducer(one.world.settings.kafka)
    values = (
        b"",
        b"no avro",
        b"\xc3\x01" + bytes(8),
        b"\xc3\x01" + bytes(200),
        b"\x00\x00\x00\x00\x63junk",
        bytes(100_000),
    )
    for number, value in enumerate(values * 3):
        producer.send("raw", f"poison-{number}", value)
    producer.flush()


def endless_codec(one: Run) -> None:
    """A vendor's JavaScript that never ends, and one that throws, for a TTN application each."""
    one.load.through(*[one.load.also(_uplinks(name, 30)) for name in CODECS])
    one.load.more(60)
    one.fresh_row(time.time())


def codecs_were_asked(one: Run) -> None:
    """The checker takes what a limit decided as it was: that one did is looked at here."""
    letters = (
        avro.decode(letter.value() or b"", DeadLetter) for letter in scan(one.world.settings.kafka, "dead-letters")
    )
    reasons = {letter.reason for letter in letters if (letter.device or "").startswith(SENDER)}
    one.holds(f"codecs are cut, and throw: {reasons}", "codec-threw" in reasons and not LIMITS.isdisjoint(reasons))


def register_codecs(world: World) -> None:
    """Those codecs, from the beginning: what other codecs have decoded the checker cannot judge."""
    for name, body in CODECS.items():
        script = f"function decodeUplink(input) {{ {body} return {{ data: {{}} }}; }}"
        told = {"code": script, "applies_to": [f"application:{name}"]}
        patiently(world.api.call, "PUT", f"/codecs/{name}", told)


def _uplinks(application: str, count: int) -> Iterator[Message]:
    for number in range(count):
        eui = f"{EUI}{number % 3:04x}"
        ids = {"device_id": f"d{number}", "application_ids": {"application_id": application}, "dev_eui": eui}
        uplink = {"f_port": 1, "f_cnt": number, "frm_payload": "AQID", "received_at": text_of(time.time_ns())}
        body = json.dumps({"end_device_ids": ids, "uplink_message": uplink}).encode()
        yield Message(0, f"codec-{application}", f"ttn:{eui}", "ttn", "http", "/ttn/webhook/up", body)


def skewed_clocks(one: Run) -> None:
    """Devices a day behind, a day ahead, half an hour ahead, and one whose clock jumps."""
    said = [one.load.also(_jumping(one.rng))]
    for number, skew in enumerate((-DAY, DAY, SECOND * 1800, -SECOND * 3600)):
        options = fleet.Options(
            seed=one.result.seed * 10 + number, devices=4, start=time.time_ns() + skew, interval=SECOND // 10
        )
        said.append(one.load.also(itertools.islice(fleet.messages(options), 150)))
    one.load.through(*said)


def _jumping(rng: random.Random) -> Iterator[Message]:
    device = f"jumping-{rng.randrange(10**6)}"
    for number in range(150):
        at = time.time_ns() + rng.choice((0, -DAY, -SECOND * 3600, SECOND * 3000)) + number
        body = json.dumps({"device": device, "time": at, "values": {"v": number}}).encode()
        yield Message(at, "jumping", f"json:{device}", "json", "mqtt", f"json/{device}", body)


def late_data(one: Run) -> None:
    """Hours and days late, and in no order."""
    found: list[Message] = []
    for days in (0.2, 1, 3, 10):
        start = time.time_ns() - int(days * DAY)
        options = fleet.Options(seed=one.result.seed * 10, devices=8, start=start, interval=SECOND * 7, late=0.3)
        found += itertools.islice(fleet.messages(options), 150)
    one.rng.shuffle(found)
    one.load.through(one.load.also(iter(found)))


def burst(one: Run) -> None:
    """Ten times the rate is drained in at most twice the time."""
    seconds = one.scaled(BURST_S, least=15)
    with sending(Load(one.world, one.result.seed + 77, TIMES * one.load.rate)) as more:
        began = time.time()
        time.sleep(seconds)
    one.also_sent(more)
    rate = more.book.sent.total() / seconds
    one.result.notes["burst_sent_per_s"] = round(rate, 1)
    one.holds(f"this machine can send {more.rate:.0f} messages a second (sent {rate:.0f})", rate >= SENT * more.rate)
    _drained(one, began, seconds)


def hot_device(one: Run) -> None:
    """One device at a hundred times the rate of the others, who wait hardly longer for it."""
    seconds = one.scaled(BURST_S, least=15)
    rate = 100 * one.load.rate / len(one.load.devices)
    options = fleet.Options(
        seed=one.result.seed + 78, devices=1, sources=("json",), start=time.time_ns(), interval=int(SECOND / rate)
    )
    one.note_delays("before", 10)
    with sending(Load(one.world, one.result.seed + 78, rate, options)) as more:
        began = time.time()
        late = _late(one.note_delays("hot", seconds))
    one.also_sent(more)
    one.holds(f"others' rows come within {FAIR_S:.0f} s, and not as late as {late}", not late)
    _drained(one, began, seconds)


def _late(delays: Sequence[float]) -> list[float]:
    """Those that are too long, if these are more than one in 100, and more than a moment's: two probes are sent in a second."""
    found = [round(delay, 1) for delay in delays if delay >= FAIR_S]
    return found if len(found) > max(SPARED, len(delays) // 100) else []


def _drained(one: Run, began: float, seconds: float) -> None:
    """From its beginning until nobody is behind, and what is sent then is stored at once."""
    meter = lag.LagMeter(one.world.settings.kafka)
    eventually(lambda: max(meter.measure(set(GROUPS)).values()) < UNDER_WAY, every=0.2)
    meter.close()
    one.fresh_row(time.time())
    took = time.time() - began
    one.result.notes |= {"burst_s": seconds, "drained_s": round(took, 1)}
    one.holds(f"drained in twice the burst's {seconds:.0f} s (took {took:.0f} s)", took <= 2 * seconds)


CASES = (
    Case("poison", 10, poison, posts_once=True),
    Case("endless-codec", 10, endless_codec, after=codecs_were_asked),
    Case("skewed-clocks", 12, skewed_clocks),
    Case("burst", 14, burst, waits_s=2 * BURST_S, rate=20),
    Case("hot-device", 14, hot_device, waits_s=2 * BURST_S),
    Case("late-data", 16, late_data, posts_once=True),
)
