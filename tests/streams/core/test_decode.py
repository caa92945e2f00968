import json
from collections.abc import Mapping, Sequence

import pytest
from msgspec.structs import replace

from streams import pipeline
from streams.core.codec import Answer, Call, Codecs
from streams.core.codec_record import Codec
from streams.core.decode import Context, decode, decode_batch
from streams.core.message import Ignored, Message, Opened, Rejected, Sender, Value
from streams.core.records import DeadLetter, DeviceMapping, Interval, Lineage, RawRecord
from streams.settings import DecodeSettings

T = 1_715_382_000_000_000_000
KEY = "ttn:a81758fffe05e6fb"
MAPPING = DeviceMapping(device=KEY, physical_uid=3, intervals=[Interval(276, T - 1)])


def context(**more: object) -> Context:
    made = pipeline.context(DecodeSettings(), mapping={KEY: MAPPING}.get, mapping_position=12)
    return replace(made, **more)


def raw(body: object = None, source: str = "ttn") -> RawRecord:
    payload = uplink() if body is None else body
    return RawRecord(
        id="0190",
        source=source,
        transport="http",
        address="/x",
        received_at=T + 1,
        payload=json.dumps(payload).encode(),
    )


def uplink(application: str = "simulated", **more: object) -> dict[str, object]:
    ids = {"device_id": "room-204", "application_ids": {"application_id": application}, "dev_eui": "A81758FFFE05E6FB"}
    version = {"brand_id": "acme", "model_id": "x1"}
    message = {"received_at": "2024-05-10T23:00:00Z", "f_port": 5, "frm_payload": "A2cBEA==", "version_ids": version}
    return {"end_device_ids": ids, "uplink_message": message | more}


def test_stamps_a_reading_with_where_it_comes_from_and_how_it_was_made() -> None:
    reading = decode(raw(), Lineage(2, 40), 9, context()).readings[0]

    assert (reading.raw_partition, reading.raw_offset, reading.index, reading.generation) == (2, 40, 0, 9)
    assert (reading.decoder, reading.codec, reading.correlation_id) == ("ttn@1", "lpp@1", "0190")
    assert (reading.device, reading.physical_uid, reading.mapping_position) == (KEY, 3, 12)
    assert (reading.received_at, reading.time, reading.measurements[0].logical_uid) == (T + 1, T, 276)


def test_gives_a_second_copy_of_a_message_the_same_id() -> None:
    first, second = decode_batch([(raw(), Lineage(0, 1), 1), (raw(), Lineage(3, 99), 2)], context())

    assert first.readings[0].id == second.readings[0].id


def test_gives_dead_letters_their_lineage() -> None:
    outcome = decode(raw(uplink("other")), Lineage(2, 40), 9, context())

    assert outcome.dead_letters == [
        DeadLetter(
            stage="codec", reason="no-codec", detail="application 'other', port 5", raw_partition=2, raw_offset=40,
            source="ttn", device=KEY, decoder="ttn@1", at=T + 1, correlation_id="0190",
        )
    ]  # fmt: skip
    assert [event.kind for event in outcome.events] == ["seen"]


class Telling:
    name, version = "ttn", 1

    def key(self, record: RawRecord) -> str | None:
        return None

    def device(self, source_ids: Mapping[str, str]) -> str | None:
        return None

    def open(self, record: RawRecord) -> list[Opened]:
        return [Ignored("heartbeat", Sender(device=KEY, source_ids={}, properties={"ip_addr": "10.0.0.7"}), T)]


def test_passes_on_what_a_device_tells_of_itself() -> None:
    outcome = decode(raw(), Lineage(0, 0), 1, context(decoders={"ttn": Telling()}))

    assert [event.properties for event in outcome.events] == [{"ip_addr": "10.0.0.7"}]


def test_rejects_an_unknown_source() -> None:
    outcome = decode(raw(source="nobody"), Lineage(0, 0), 1, context())

    assert [(d.stage, d.reason, d.detail, d.decoder) for d in outcome.dead_letters] == [
        ("open", "unknown-source", "nobody", "")
    ]


class Broken:
    name, version = "ttn", 1

    def key(self, record: RawRecord) -> str | None:
        return None

    def open(self, record: RawRecord) -> list[Opened]:
        if b"bad" in record.payload:
            raise RecursionError("deep")
        sender = Sender(device=KEY, source_ids={})
        return [Message(sender=sender, time=T, values=[Value("v", 1, T)], payload=record.payload)]


def test_turns_a_decoders_mistake_into_a_dead_letter_and_spares_its_neighbours() -> None:
    items = [(raw("bad" if offset == 1 else "good"), Lineage(0, offset), 1) for offset in range(3)]
    outcomes = decode_batch(items, context(decoders={"ttn": Broken()}))

    assert [len(outcome.readings) for outcome in outcomes] == [1, 0, 1]
    assert [(d.stage, d.reason, d.detail) for d in outcomes[1].dead_letters] == [
        ("open", "decoder-failed", "RecursionError('deep')")
    ]


class Counting:
    label = "counting@1"

    def __init__(self) -> None:
        self.calls: list[int] = []

    def run(self, calls: Sequence[Call]) -> Sequence[Answer]:
        self.calls.append(len(calls))
        if any(call.payload == b'"raise"' for call in calls):
            raise ValueError("codec")
        if any(call.payload == b'"short"' for call in calls):
            return []
        return [
            Rejected("codec", "odd", "", None) if b"odd" in call.payload else [Value("n", n, call.time)]
            for n, call in enumerate(calls)
        ]


def run_with(counting: Counting, *bodies: str) -> list[tuple[int, list[str]]]:
    made = context(decoders={"ttn": Broken()}, codecs=Codecs([(counting, [f"device:{KEY}"])]))
    outcomes = decode_batch([(raw(body), Lineage(0, n), 1) for n, body in enumerate(bodies)], made)
    return [(len(outcome.readings), [letter.reason for letter in outcome.dead_letters]) for outcome in outcomes]


def test_runs_the_codec_calls_of_a_batch_together_in_order() -> None:
    counting = Counting()

    assert run_with(counting, "a", "odd", "bad", "c") == [(1, []), (0, ["odd"]), (0, ["decoder-failed"]), (1, [])]
    assert counting.calls == [3]


@pytest.mark.parametrize("body", ["raise", "short"])
def test_turns_a_codecs_mistake_into_a_dead_letter_and_spares_its_neighbours(body: str) -> None:
    failed = (0, ["codec-failed"])

    assert run_with(Counting(), "a", body, "c", "d", body) == [(1, []), failed, (1, []), (1, []), failed]


def test_a_port_that_no_codec_can_be_told_costs_no_other_device_its_message() -> None:
    code = "function decodeUplink(input) { return { data: { port: input.fPort } }; }"
    codec = replace(registered("told", "application:simulated", language="javascript"), code=code)
    made = replace(context(), codecs=pipeline.context(DecodeSettings(), lambda _: None, codecs=[codec]).codecs)
    bodies = [uplink(), {**uplink(), "uplink_message": {"f_port": 10**400, "frm_payload": "AQ=="}}, uplink()]

    outcomes = decode_batch([(raw(body), Lineage(0, n), 1) for n, body in enumerate(bodies)], made)

    assert [[letter.reason for letter in outcome.dead_letters] for outcome in outcomes] == [[], ["codec-failed"], []]
    assert [[m.value for m in reading.measurements] for outcome in outcomes for reading in outcome.readings] == [
        [5.0]
    ] * 2


def registered(name: str, *applies_to: str, language: str = "native") -> Codec:
    return Codec(name=name, hash="0" * 64, language=language, code="", applies_to=list(applies_to))


@pytest.mark.parametrize(
    ("targets", "decoded", "codec"),
    [
        ([("lpp", f"device:{KEY}")], {"v": 1}, "lpp@1"),
        ([("lpp", "application:other")], {"v": 1}, "lpp@1"),
        ([("lpp", "model:acme/x1")], {"v": 1}, "lpp@1"),
        ([("lpp", "model:acme/x2")], {"v": 1}, None),
        ([("a", "application:other"), ("lpp", f"device:{KEY}")], None, "lpp@1"),
        ([("a", "model:acme/x1"), ("lpp", "application:other")], None, "lpp@1"),
    ],
)
def test_chooses_device_before_application_before_model_before_the_servers_values(
    targets: list[tuple[str, str]], decoded: object, codec: str | None
) -> None:
    codecs = [registered(name, target) for name, target in targets]
    made = pipeline.context(DecodeSettings(), mapping=lambda _: None, codecs=codecs)
    outcome = decode(raw(uplink("other", decoded_payload=decoded)), Lineage(0, 0), 1, made)

    assert [reading.codec for reading in outcome.readings] == [codec]


def test_keeps_what_an_unavailable_codec_should_read_as_dead_letter() -> None:
    made = pipeline.context(
        DecodeSettings(), mapping=lambda _: None, codecs=[registered("acme", f"device:{KEY}", language="forth")]
    )
    outcome = decode(raw(uplink(decoded_payload={"v": 1})), Lineage(0, 0), 1, made)

    assert [(d.stage, d.reason, d.detail) for d in outcome.dead_letters] == [
        ("codec", "codec-unavailable", "acme@000000000000")
    ]
