"""The sensors of `isthmus simulate --profile signed`."""

from itertools import islice

from msgspec import structs

from connectors.api.signed_topic_shapes import NewSignedTopic
from connectors.simulator import signed
from streams import pipeline
from streams.core.decode import decode
from streams.core.records import Lineage, RawRecord
from streams.core.signed_topic import SignedKey, SignedTopic
from streams.settings import DecodeSettings

START, SECOND = 1_715_382_000_000_000_000, 1_000_000_000


def registered(number: int) -> SignedTopic:
    body = NewSignedTopic(**signed.topic(number, "a test key"))
    return structs.replace(body.record(body.topic), keys=[SignedKey(key="a test key")])


def test_what_is_registered_is_believed_and_the_same_seed_gives_the_same() -> None:
    context = pipeline.context(DecodeSettings(), lambda _: None, topics=[registered(number) for number in range(3)])
    sent = list(islice(signed.messages(1, 3, START, SECOND, "a test key"), 60))
    assert sent == list(islice(signed.messages(1, 3, START, SECOND, "a test key"), 60))
    assert sent[0] != next(signed.messages(2, 3, START, SECOND, "a test key"))
    for turn, message in enumerate(sent):
        raw = RawRecord(
            id="1", source="signed", transport="mqtt", address=message.address, received_at=message.at + 1,
            payload=message.payload,
        )  # fmt: skip
        outcome = decode(raw, Lineage(0, turn), 1, context)
        (reading,) = outcome.readings
        assert not outcome.dead_letters
        assert (reading.device, reading.time) == (f"signed:sensors/sim/{turn % 3}", START + turn * SECOND)
        assert {m.name for m in reading.measurements} == {"temperature", "humidity"}
