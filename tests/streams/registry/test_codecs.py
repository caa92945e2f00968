import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from streams.core.codec_record import Codec
from streams.core.records import Source
from streams.registry import codecs
from streams.registry.codecs import Given
from streams.registry.hashes import codecs_hash
from streams.registry.state import CODECS, SOURCES, Author, Change, Refused, State

BY = Author("ann", 100, "first")
LATER = Author("bob", 200, "again")
PROBE = Given(name="probe", language="javascript", code="function decodeUplink() {}", applies_to=("application:soil",))
TARGETS = ["device:ttn:a1", "device:ttn:b2", "application:soil", "profile:p", "model:acme/x1"]


def do(state: State, changes: list[Change]) -> State:
    for change in changes:
        state.apply(change)
    return state


def with_probe() -> State:
    return do(State(), codecs.register(State(), PROBE, BY))


def refusal(state: State, given: Given) -> tuple[int, str]:
    with pytest.raises(Refused) as refused:
        codecs.register(state, given, BY)
    return refused.value.status, refused.value.detail


def test_a_registered_codec_is_known_by_the_hash_of_its_code() -> None:
    assert with_probe().codecs["probe"] == Codec(
        name="probe",
        hash="651e3312f86d0aeffe74e3862b57e53171b1e4ec31ae4d01e27ff3b8b0811151",
        language="javascript",
        code="function decodeUplink() {}",
        applies_to=["application:soil"],
        mode="wrapped",
        lenient=False,
        examples="[]",
        failing=0,
        changed_at=100,
        changed_by="ann",
        why="first",
    )


def test_a_new_version_keeps_targets_and_examples_when_none_are_given() -> None:
    state = do(State(), codecs.register(State(), replace(PROBE, examples='[{"input":{"bytes":""}}]'), BY))
    do(state, codecs.register(state, replace(PROBE, code="x", applies_to=None, examples=None, mode="fresh"), LATER))
    held = state.codecs["probe"]

    assert (held.applies_to, held.examples, held.mode) == (["application:soil"], '[{"input":{"bytes":""}}]', "fresh")
    assert (held.changed_by, held.why) == ("bob", "again")


def test_registering_what_is_registered_writes_nothing() -> None:
    state = with_probe()

    assert codecs.register(state, PROBE, LATER) == []
    assert codecs.retarget(state, "probe", ["application:soil"], LATER) == []
    assert codecs.register(state, replace(PROBE, mode="plain"), LATER) == [], (
        "as fast as wrapped, measured at another time"
    )
    assert codecs.register(state, replace(PROBE, mode="fresh"), LATER) != []


@pytest.mark.parametrize(
    ("changed", "status", "sentence"),
    [
        ({"name": ""}, 400, "is no name of a codec"),
        ({"name": "a b"}, 400, "'a b' is no name of a codec"),
        ({"name": "x" * 101}, 400, "is no name of a codec"),
        ({"name": "lpp"}, 409, "lpp is the name of a built-in codec"),
        ({"name": "ttn"}, 409, "ttn is the name of a source"),
        ({"language": "forth"}, 400, "Codecs are written in javascript, table, native; 'forth' is none of them."),
        ({"mode": "fast"}, 400, "A codec runs wrapped, plain, fresh; 'fast' is none of them."),
        ({"language": "native"}, 400, "There is no built-in codec other"),
        ({"language": "native", "name": "lpp"}, 400, "The built-in codec lpp takes no code."),
        ({"applies_to": ()}, 400, "Nothing would be read by other"),
        ({"applies_to": None}, 400, "Nothing would be read by other"),
        ({"applies_to": ("soil",)}, 400, "'soil' is no target: write device:…, application:…, profile:…, model:…."),
        ({"applies_to": ("port:5",)}, 400, "'port:5' is no target"),
        ({"applies_to": ("application:",)}, 400, "'application:' names nothing"),
        ({"applies_to": ("application:a\nb",)}, 400, "names nothing"),
        ({"applies_to": ("device:a1",)}, 400, "'device:a1' names no device"),
        ({"applies_to": ("model:x1",)}, 400, "'model:x1' names no model"),
        ({"applies_to": ("application:soil",)}, 409, "application:soil is read by the codec probe: take it from there"),
        ({"code": "x" * 900_000}, 413, "Code, examples and targets are 900,019 bytes; a codec may have 900,000."),
    ],
)
def test_what_cannot_be_registered_is_refused_in_a_sentence(
    changed: dict[str, object], status: int, sentence: str
) -> None:
    state = do(with_probe(), [Change(SOURCES, "ttn", Source(name="ttn"))])
    wanted = replace(PROBE, **({"name": "other", "applies_to": ("profile:abcd",)} | changed))
    told, detail = refusal(state, replace(wanted, code="") if changed == {"language": "native"} else wanted)

    assert told == status
    assert sentence in detail


def test_a_built_in_codec_is_registered_by_its_name() -> None:
    (change,) = codecs.register(State(), Given(name="lpp", language="native", applies_to=("profile:c",)), BY)

    assert isinstance(change.record, Codec)
    assert (change.record.code, change.record.applies_to) == ("", ["profile:c"])


def test_a_removed_codec_gives_its_targets_back() -> None:
    state = with_probe()
    do(state, codecs.remove(state, "probe"))

    assert codecs.register(state, replace(PROBE, name="other"), BY)
    with pytest.raises(Refused, match=r"There is no codec probe\."):
        codecs.remove(state, "probe")
    with pytest.raises(Refused, match=r"There is no codec probe\."):
        codecs.retarget(state, "probe", TARGETS, BY)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.lists(st.sampled_from(TARGETS), max_size=4)), max_size=8))
def test_no_sequence_of_commands_gives_one_target_to_two_codecs(steps: list[tuple[str, list[str]]]) -> None:
    state = State()
    for name, targets in steps:
        given = Given(name=name, language="javascript", code=name, applies_to=tuple(targets))
        try:
            do(state, codecs.register(state, given, BY))
        except Refused:
            continue
    taken = [target for codec in state.codecs.values() for target in codec.applies_to]

    assert len(taken) == len(set(taken))


@given(st.sets(st.sampled_from(TARGETS), min_size=1), st.sets(st.sampled_from(TARGETS), min_size=1))
def test_a_candidate_takes_its_name_and_its_targets(held: set[str], wanted: set[str]) -> None:
    other = Codec(name="other", hash="1", language="javascript", code="", applies_to=sorted(held))
    mine = Codec(name="mine", hash="2", language="javascript", code="", applies_to=sorted(wanted))
    made = {codec.name: codec.applies_to for codec in codecs.in_place([other, replace(mine, hash="old")], mine)}

    assert made == {"other": sorted(held - wanted), "mine": sorted(wanted)}
    assert codecs_hash(codecs.in_place([mine], mine)) == codecs_hash([mine])


def test_the_topic_holds_what_the_command_wrote() -> None:
    (change,) = codecs.register(State(), PROBE, BY)

    assert (change.topic, change.key) == (CODECS, "probe")
