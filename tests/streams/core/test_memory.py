"""What decoders remember has a bound, which depends on the log alone."""

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from streams import pipeline
from streams.core.decode import decode_batch
from streams.core.memory import ALL, OVERHEAD, History, size
from streams.core.outcome import Outcome
from streams.core.records import Lineage, RawRecord
from streams.settings import DecodeSettings
from tests import sparkplug

BIRTH = sparkplug.payload([sparkplug.metric("t", sparkplug.single(20.5), alias=7, datatype=9)])
OTHER = sparkplug.payload([sparkplug.metric("p", sparkplug.single(1.5), alias=7, datatype=9)])
DATA = sparkplug.payload([sparkplug.metric(value=sparkplug.single(3.5), alias=7)])


def message(kind: str, payload: bytes, edge: str = "line-1", device: str = "/pump") -> RawRecord:
    return RawRecord(
        id="0190", source="sparkplug", transport="mqtt", address=f"spBv1.0/plant/{kind}/{edge}{device}",
        received_at=sparkplug.MS * 1_000_000, payload=payload,
    )  # fmt: skip


ONE = size(message("DBIRTH", BIRTH))


def lived(log: Sequence[RawRecord], limit: int, history: History) -> list[Outcome]:
    context = replace(pipeline.context(DecodeSettings(), mapping=lambda _: None, recollect=history), memory_limit=limit)
    items = [(raw, Lineage(0, offset), 1) for offset, raw in enumerate(log)]
    made = decode_batch(items, context)
    for (_, lineage, _), outcome in zip(items, made, strict=True):
        if outcome.memory:
            history.add(outcome.memory.key, lineage, outcome.memory.record)
    return made


def said(outcomes: Sequence[Outcome]) -> list[tuple[list[str], list[str]]]:
    """Names of measurements, and reasons of dead letters, of each record."""
    return [
        ([m.name for r in one.readings for m in r.measurements], [letter.reason for letter in one.dead_letters])
        for one in outcomes
    ]


def test_ever_new_edge_nodes_do_not_fill_the_memory_and_those_that_are_known_go_on() -> None:
    edges = [f"edge-{n:03}" for n in range(100)]
    size_of_each = size(message("DBIRTH", BIRTH, edges[0]))
    history = History()
    births = [message("DBIRTH", BIRTH, edge) for edge in edges]
    data = [message("DDATA", DATA, edge) for edge in edges]

    made = said(lived([*births, *data], 10 * size_of_each, history))

    assert len(history) == 10
    assert made[:10] == [(["online", "t"], [])] * 10
    assert made[10:100] == [(["online", "t"], ["memory-full"])] * 90
    assert made[100:110] == [(["t"], [])] * 10
    assert made[110:] == [([], ["unknown-alias"])] * 90


def test_one_sender_that_always_says_something_else_fills_its_own_share_and_is_not_misread_then() -> None:
    """By the definitions of before the pressure would have been stored as a temperature."""
    history = History()
    births = [message("DBIRTH", (BIRTH, OTHER)[n % 2]) for n in range(100)]
    quiet = [message("DBIRTH", BIRTH, "line-2"), message("DDATA", DATA, "line-2")]

    made = said(lived([*births, message("DDATA", DATA), *quiet], 12 * ONE, history))

    assert made[:4] == [
        (["online", "t"], []),
        (["online", "p"], []),
        (["online", "t"], []),
        (["online", "p"], ["memory-full"]),
    ]
    assert made[99:] == [
        (["online", "p"], ["memory-full"]),
        ([], ["unknown-alias"]),
        (["online", "t"], []),
        (["t"], []),
    ]
    assert [bool(raw.payload) for _, raw in history.of("sparkplug:plant/line-1", 0)] == [True, True, True, False]


def test_too_large_a_birth_makes_the_one_before_it_void() -> None:
    large = message("DBIRTH", OTHER + bytes([0x42, 0x80, 0x89, 0x7A]) + bytes(2_000_000))
    log = [message("DBIRTH", BIRTH), message("DDATA", DATA), large, message("DDATA", DATA)]

    assert said(lived(log, 10_000_000, History())) == [
        (["online", "t"], []), (["t"], []), ([], ["too-large-to-remember"]), ([], ["unknown-alias"]),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("birth", "reason"),
    [
        (b"\xff\xff" + OTHER, "bad-protobuf"),
        (
            OTHER + b"".join(sparkplug.field(2, sparkplug.metric(f"m{n}", alias=n)) for n in range(5_001)),
            "too-many-metrics",
        ),
        (OTHER + sparkplug.text(4, "SPBV1.0_COMPRESSED"), "compressed-payload"),
    ],
)
def test_a_birth_that_cannot_be_read_makes_the_one_before_it_void(birth: bytes, reason: str) -> None:
    """It was read on by the earlier one's aliases: a pressure was stored as a temperature."""
    log = [
        message("DBIRTH", BIRTH),
        message("DBIRTH", birth),
        message("DDATA", DATA),
        message("DBIRTH", BIRTH),
        message("DDATA", DATA),
    ]

    assert said(lived(log, 10_000_000, History())) == [
        (["online", "t"], []), ([], [reason]), ([], ["unknown-alias"]), (["online", "t"], []), (["t"], []),
    ]  # fmt: skip


def test_a_node_s_birth_that_cannot_be_read_makes_its_devices_void_and_one_of_a_stranger_is_not_kept() -> None:
    history = History()
    broken = message("NBIRTH", b"\xff\xff", device="")
    log = [broken, message("DBIRTH", b"\xff\xff"), message("DBIRTH", BIRTH), broken, message("DDATA", DATA), broken]

    assert said(lived(log, 10_000_000, history))[4] == ([], ["unknown-alias"])
    assert [offset for offset, _ in history.of("sparkplug:plant/line-1", 0)] == [2, 3]


def test_counts_what_a_sender_writes_beside_the_payload_too() -> None:
    raw = replace(message("DBIRTH", b"12345"), headers={"a": "bc"}, content_type="d")
    assert size(raw) == OVERHEAD + 5 + len("spBv1.0/plant/DBIRTH/line-1/pump") + 4


def test_sums_are_of_what_stands_before_in_whatever_order_it_came() -> None:
    history = History()
    for offset in (7, 3, 5, 3):
        history.add("sparkplug:plant/line-1", Lineage(0, offset), message("DBIRTH", BIRTH))
    sums = history.sums(ALL, 0)
    assert [sums.before(offset) for offset in (3, 4, 5, 6, 7, 8)] == [0, ONE, ONE, 2 * ONE, 2 * ONE, 3 * ONE]
    assert history.sums(ALL, 1).before(9) == 0
