"""Laws of decoders with memory: what a record becomes depends on what stands before it in the log, and on nothing else."""

import base64
import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from streams import avro, pipeline
from streams.core.decode import Context, Item, decode_batch
from streams.core.memory import NOTHING, SIZE_LIMIT, TOTAL_LIMIT, History, Memory, Remembering, remembers, size
from streams.core.outcome import Outcome
from streams.core.records import Lineage, RawRecord
from streams.replay import memories
from streams.replay.source import Chunk
from streams.settings import DecodeSettings
from tests.contracts.test_decoder import VECTORS, came

KEPT = {name: d for name, d in pipeline.decoders(DecodeSettings()).items() if remembers(d)}
PARTITIONS = 2
LIMITS = st.sampled_from([TOTAL_LIMIT, 1, 3_000, 12_000])
"""bytes: as in life; of nothing; of some records"""


def told(source: str) -> list[dict[str, Any]]:
    """Every record of the source's vectors, with those before."""
    found = [json.loads(path.read_text("utf-8")) for path in sorted((VECTORS / source).glob("*.json"))]
    return [record for case in found for record in (*case.get("before", []), case["record"])]


@st.composite
def logs(draw: st.DrawFn, source: str) -> list[Item]:
    """A log: records in any order, again and again, some of them broken, in two partitions."""
    records = []
    for case in draw(st.lists(st.sampled_from(told(source)), max_size=12)):
        payload = base64.b64decode(case["base64"])
        cut = draw(st.integers(0, len(payload))) if draw(st.integers(0, 4)) == 0 else len(payload)
        records.append(came(source, case, payload[:cut]))
    partitions = [draw(st.integers(0, PARTITIONS - 1)) for _ in records]
    return [(raw, Lineage(p, offset), 1) for offset, (raw, p) in enumerate(zip(records, partitions, strict=True))]


def context(history: History, limit: int) -> Context:
    made = pipeline.context(DecodeSettings(), mapping=lambda _: None, recollect=history)
    return replace(made, memory_limit=limit)


def lived(batches: Sequence[Sequence[Item]], limit: int = TOTAL_LIMIT) -> tuple[list[Outcome], History]:
    """Batches one after the other, as the decode agent has them."""
    history, outcomes = History(), list[Outcome]()
    for batch in batches:
        made = decode_batch(batch, context(history, limit))
        for (_, lineage, _), outcome in zip(batch, made, strict=True):
            if outcome.memory is not None:
                history.add(outcome.memory.key, lineage, outcome.memory.record)
        outcomes += made
    return outcomes, history


def same(one: History, other: History, keys: set[str]) -> bool:
    return all(list(one.of(k, p)) == list(other.of(k, p)) for k in keys for p in range(PARTITIONS))


@pytest.mark.parametrize("source", KEPT)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_it_makes_no_difference_how_the_log_is_cut_into_batches(source: str, data: st.DataObject) -> None:
    log = data.draw(logs(source))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(log)), max_size=4)))
    batches = [log[a:b] for a, b in zip([0, *cuts], [*cuts, len(log)], strict=True)]

    limit = data.draw(LIMITS)

    at_once, history = lived([log], limit)
    in_parts, other = lived(batches, limit)

    assert in_parts == at_once
    assert same(history, other, {key for raw, _, _ in log if (key := KEPT[source].key(raw))})


@pytest.mark.parametrize("source", KEPT)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_what_is_decoded_again_becomes_what_it_was_whatever_came_since(source: str, data: st.DataObject) -> None:
    log, limit = data.draw(logs(source)), data.draw(LIMITS)
    outcomes, history = lived([log], limit)
    chosen = sorted(data.draw(st.sets(st.integers(0, max(len(log) - 1, 0)), max_size=len(log)))) if log else []

    again = decode_batch([log[n] for n in chosen], context(history, limit))

    assert again == [outcomes[n] for n in chosen]


@pytest.mark.parametrize("source", KEPT)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_the_fold_over_what_was_kept_is_the_fold_over_all(source: str, data: st.DataObject) -> None:
    log, decoder = data.draw(logs(source)), KEPT[source]
    _, history = lived([log])
    for key in {key for raw, _, _ in log if (key := decoder.key(raw))}:
        for partition in range(PARTITIONS):
            every = [raw for raw, at, _ in log if at.partition == partition and decoder.key(raw) == key]
            kept = [raw for _, raw in history.of(key, partition)]
            assert folded(decoder, kept) == folded(decoder, every)


@pytest.mark.parametrize("source", KEPT)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_replay_finds_what_live_decoding_remembered(source: str, data: st.DataObject) -> None:
    log, limit = data.draw(logs(source)), data.draw(LIMITS)
    _, history = lived([log], limit)
    found = History()
    for partition in range(PARTITIONS):
        here = [(at.offset, raw) for raw, at, _ in log if at.partition == partition]
        half = data.draw(st.integers(0, len(here)))
        for part in (here[:half], here[half:]):
            records = [(offset, avro.encode(raw)) for offset, raw in part]
            times = [raw.received_at for _, raw in part]
            memories.fold(found, KEPT, Chunk(partition, 0, 0, records, times), {}, limit)

    assert same(found, history, {key for raw, _, _ in log if (key := KEPT[source].key(raw))})


@pytest.mark.parametrize("source", KEPT)
@settings(max_examples=60, deadline=None)
@given(data=st.data(), payload=st.binary(max_size=100))
def test_a_record_that_is_repeated_changes_nothing_and_nothing_is_touched(
    source: str, data: st.DataObject, payload: bytes
) -> None:
    decoder = KEPT[source]
    memory = folded(decoder, [raw for raw, _, _ in data.draw(logs(source))])
    raw = came(source, data.draw(st.sampled_from(told(source))), payload)
    before = msgspec.json.encode((dict(memory), raw))

    after = decoder.remember(memory, raw)

    assert decoder.remember(after, raw) is after
    assert decoder.open_with(raw, after)
    assert msgspec.json.encode((dict(memory), raw)) == before


@pytest.mark.parametrize("source", KEPT)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_who_does_not_tell_of_others_says_one_message_at_most(source: str, data: st.DataObject) -> None:
    log, decoder = data.draw(logs(source)), KEPT[source]
    outcomes, _ = lived([log])
    for (raw, _, _), outcome in zip(log, outcomes, strict=True):
        assert len(outcome.readings) <= 1 or decoder.tells_of_others(raw)


@pytest.mark.parametrize("source", KEPT)
def test_what_is_too_large_is_not_remembered_and_says_so(source: str) -> None:
    raws = [came(source, case, base64.b64decode(case["base64"])) for case in told(source)]
    born = next(raw for raw in raws if KEPT[source].remember(NOTHING, raw))
    # A field that nobody knows, so that the record stays what it is.
    large = replace(born, payload=born.payload + b"\xfa\x3f\xc0\x84\x3d" + bytes(SIZE_LIMIT))
    (outcome,), history = lived([[(large, Lineage(0, 0), 1)]])

    assert KEPT[source].remember(NOTHING, large)
    assert [letter.reason for letter in outcome.dead_letters] == ["too-large-to-remember"]
    assert (outcome.memory, len(history)) == (None, 0)


@pytest.mark.parametrize("source", KEPT)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_what_is_remembered_has_a_bound_whatever_is_told(source: str, data: st.DataObject) -> None:
    """What was refused leaves at most a mark in the place of each record that is in force."""
    log, limit = data.draw(logs(source)), data.draw(st.sampled_from([1, 3_000, 12_000]))
    outcomes, history = lived([log], limit)
    for partition in range(PARTITIONS):
        held = [raw for key in keys(source, log) for _, raw in history.of(key, partition)]
        assert sum(size(raw) for raw in held if raw.payload) <= limit
        assert len([raw for raw in held if not raw.payload]) <= len([raw for raw in held if raw.payload])
    refused = [o for o in outcomes if "memory-full" in [letter.reason for letter in o.dead_letters]]
    assert not [o for o in refused if o.memory and o.memory.record.payload]


def keys(source: str, log: Sequence[Item]) -> set[str]:
    return {key for raw, _, _ in log if (key := KEPT[source].key(raw))}


@pytest.mark.parametrize("source", KEPT)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_record_without_payload_takes_away_and_defines_nothing(source: str, data: st.DataObject) -> None:
    decoder = KEPT[source]
    memory = folded(decoder, [raw for raw, _, _ in data.draw(logs(source))])
    raw = replace(came(source, data.draw(st.sampled_from(told(source))), b""), payload=b"")

    assert decoder.remember(NOTHING, raw) is NOTHING
    assert len(decoder.remember(memory, raw)) <= max(len(memory), 1)


def folded(decoder: Remembering, records: Sequence[RawRecord]) -> Memory:
    memory = NOTHING
    for record in records:
        memory = decoder.remember(memory, record)
    return memory
