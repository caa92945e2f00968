"""Staging with codecs that are tried."""

import json

from msgspec.structs import replace

from streams.core.codec_record import Codec
from streams.core.records import RawRecord
from streams.replay.selection import Selection
from streams.replay.task import Tried
from tests.streams.replay.staging import (
    REGISTRY,
    T,
    raw,
    staged,
)


def uplink(payload: str, second: int) -> RawRecord:
    """Of the application `tanks`; the network server decoded nothing."""
    ids = {"device_id": "t", "application_ids": {"application_id": "tanks"}, "dev_eui": "70B3D57ED0051A2B"}
    told = {"f_port": 1, "frm_payload": payload, "received_at": f"2026-11-01T12:00:{second:02}Z"}
    return raw(json.dumps({"end_device_ids": ids, "uplink_message": told}).encode(), source="ttn")


TANK = Codec(
    name="tank",
    hash="ab" * 32,
    language="javascript",
    code="function decodeUplink(i) { if (!i.bytes[0]) throw Error('empty'); return {data: {level: i.bytes[0] / 5}}; }",
    applies_to=["application:tanks"],
)


def test_a_codec_that_is_tried_reads_what_no_codec_has_read_and_what_it_fails_on_is_chosen_too() -> None:
    chosen = Selection(codecs=("tank",))
    records = [uplink("Cg==", 1), T, uplink("AA==", 2)]  # 10, another source, 0
    made = staged(*records, tried=Tried(codecs=(TANK,)), selection=chosen)

    assert (made.value, made.codec) == ([2.0], ["tank@abababababab"])
    assert [(letter.reason, letter.raw_offset) for letter in made.dead_letters] == [("codec-threw", 2)]
    assert list(made.selected) == [(1, 0, 0), (1, 2, 2)]


def test_a_codec_that_is_tried_stands_in_for_the_registered_one() -> None:
    old = replace(TANK, hash="cd" * 32, code=TANK.code.replace("/ 5", "/ 2"))
    registry = replace(REGISTRY, codecs=(old,))

    assert staged(uplink("Cg==", 1), registry=registry).value == [5.0]
    assert staged(uplink("Cg==", 1), registry=registry, tried=Tried(codecs=(TANK,))).value == [2.0]
    other = replace(TANK, name="other")
    assert staged(uplink("Cg==", 1), registry=registry, tried=Tried(codecs=(other,))).codec == ["other@abababababab"]


def test_a_failing_codec_is_no_reason_to_choose_a_record_by_its_device() -> None:
    chosen = Selection(devices=("ttn:70b3d57ed0051a2b",))

    assert list(staged(uplink("AA==", 2), tried=Tried(codecs=(TANK,)), selection=chosen).selected) == []
