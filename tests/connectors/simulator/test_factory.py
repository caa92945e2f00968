"""The forty sensors of `isthmus simulate --profile factory40`."""

from collections import Counter
from itertools import islice

from connectors.simulator import factory
from streams.core.message import Message
from streams.core.records import RawRecord
from streams.pipeline import decoders
from streams.settings import DecodeSettings

START = 1_715_382_000_000_000_000
DECODER = decoders(DecodeSettings())["factory"]


def test_the_same_seed_gives_the_same_messages_and_another_gives_others() -> None:
    first, again, other = (list(islice(factory.messages(seed, START), 500)) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_forty_devices_announce_themselves_and_answer_at_once() -> None:
    sent = list(islice(factory.messages(1, START), 80))
    assert Counter(message.address.split("/")[1] for message in sent) == {"heartbeat": 40, "read": 40}
    assert len({sensor.identity for sensor in factory.sensors(1)}) == 40
    assert {sensor.interval for sensor in factory.sensors(1)} <= set(range(600, 681, 10))
    assert len({sensor.interval for sensor in factory.sensors(1)}) > 3


def test_every_message_is_one_that_the_decoder_reads() -> None:
    known = factory.sensors(1)
    for message in islice(factory.messages(1, START), 1_000):
        raw = RawRecord(
            id="1",
            source="factory",
            transport="mqtt",
            address=message.address,
            received_at=START,
            payload=message.payload,
        )
        (part,) = DECODER.open(raw)
        assert isinstance(part, Message)
        assert part.sender.device == message.device == DECODER.key(raw)
        values = {value.name: value.value for value in part.values or ()}
        if "status" in values:
            assert (values, "FAULTY" in known[-1].alias) == ({"status": "COMM_ERROR"}, True)
            continue
        low, high = factory.KINDS[next(s for s in known if s.identity in message.device).kind][1:3]
        assert low <= values["value"] <= high if "/read/" in message.address else values["online"] == 1


def test_the_faulty_sensor_leaves_about_a_tenth_of_the_polls_unanswered() -> None:
    faulty = next(sensor for sensor in factory.sensors(1) if sensor.faulty)
    silent = Counter[tuple[str, bool]]()
    for message in islice(factory.messages(1, START), 60_000):
        if "/read/" in message.address:
            silent[message.address, message.payload == b'"N/A"'] += 1
    mine = f"sim/read/{faulty.identity}"
    assert 0.03 < silent[mine, True] / (silent[mine, True] + silent[mine, False]) < 0.2
    assert {address for address, missed in silent if missed} == {mine}
