"""Tables: layouts as data."""

from contextlib import suppress
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.codecs import declarations, load, table
from streams.core.codec import Call, Decoded
from streams.core.message import Rejected, Sender

SENDER = Sender(device="ttn:1", source_ids={})
NOW = 1_715_382_000_000_000_000
TABLES = declarations()


def example() -> str:
    """The one that the module's documentation shows."""
    text = table.__doc__ or ""
    return dedent(text.partition("A complete example::\n")[2].partition("\nField: ")[0])


def read(code: str, payload: str, port: int = 1) -> list[tuple[str, object]] | str:
    """Names and values, or the reason of the rejection."""
    answer = table.load(code, "t").run([Call(bytes.fromhex(payload), port, NOW, SENDER)])[0]
    if isinstance(answer, Rejected):
        return answer.reason
    return [(value.name, value.value) for value in (answer.values if isinstance(answer, Decoded) else answer)]


def fields(*declared: str, endian: str = "big") -> str:
    """A declaration of one layout with these fields."""
    return f'endian = "{endian}"\n[[layouts]]\nfields = [{", ".join("{" + field + "}" for field in declared)}]'


@pytest.mark.parametrize(
    ("port", "payload", "values"),
    [
        (
            2, "00E1 A0 11 AB 0102",
            [("temperature", 22.5), ("battery", 3.6), ("mode", "running"), ("alarm", 1), ("serial", "ab"), ("counter", 258)],
        ),
        (2, "8000 A0 20 AB", [("battery", 3.6), ("mode", "2"), ("alarm", 0), ("serial", "ab")]),
        (3, "0167 00E1 0167 FFD7", [("temperature", 22.5), ("temperature", -4.1)]),
        (4, "0007 0003 8005 0BB8", [("device", 7), ("level", 5), ("battery", 3.0)]),
        (4, "0007 0002 0BB8", [("device", 7), ("battery", 3.0)]),
        (4, "0007 0000", [("device", 7)]),
        (4, "0007 0004", "unknown-type"),
        (4, "0007 0001 80", "truncated"),
        (4, "0007 00", "truncated"),
        (3, "0168 00E1", "unknown-type"),
        (3, "0167 00", "truncated"),
        (3, "0167 00E1 01", "truncated"),
        (2, "00E1A011", "no-layout"),
        (9, "00E1A011AB", "no-layout"),
    ],
)  # fmt: skip
def test_the_example_of_the_documentation_reads(port: int, payload: str, values: object) -> None:
    found = read(example(), payload, port)
    rounded = [(n, round(v, 9) if isinstance(v, float) else v) for n, v in found] if isinstance(found, list) else found
    assert rounded == values


def test_a_time_in_a_record_is_the_time_of_its_values_only() -> None:
    payload = bytes.fromhex("20CE 663EA770 00E1 0167 00E2")
    answer = table.load(example(), "t").run([Call(payload, 3, NOW, SENDER)])[0]
    assert not isinstance(answer, Rejected | Decoded)
    assert [(v.value, v.time) for v in answer] == [(22.5, 1_715_382_128 * 10**9), (22.6, NOW)]


@pytest.mark.parametrize(
    ("kind", "big", "little"),
    [
        ("u8", 254, 254),
        ("i8", -2, -2),
        ("u16", 0xFE00, 0x00FE),
        ("i16", -512, 254),
        ("u24", 0xFE0001, 0x0100FE),
        ("i24", -131071, 65790),
        ("u32", 0xFE000102, 0x020100FE),
        ("i32", -33554174, 33620222),
        ("u64", 0xFE00010203040506, 0x06050403020100FE),
        ("i64", 0xFE00010203040506 - 2**64, 0x06050403020100FE),
    ],
)
def test_integers_are_read_in_both_orders(kind: str, big: int, little: int) -> None:
    payload = "FE00010203040506"
    assert read(fields(f'name = "v", type = "{kind}"'), payload) == [("v", big)]
    assert read(fields(f'name = "v", type = "{kind}"', endian="little"), payload) == [("v", little)]


def test_floats_are_read() -> None:
    code = fields('name = "a", type = "f32"', 'name = "b", type = "f64", endian = "little"')
    assert read(code, "3FC00000 0000000000000440") == [("a", 1.5), ("b", 2.5)]


def test_only_the_first_bytes_choose_a_layout() -> None:
    code = '[[layouts]]\nstarts = "0A"\nfields = [{name = "a", type = "u8", at = 1}]\n[[layouts]]\nfields = [{name = "b", type = "u8"}]'
    assert read(code, "0A05") == [("a", 5)]
    assert read(code, "0B05") == [("b", 11)]


def test_an_unknown_record_may_end_the_reading_and_is_counted() -> None:
    code = '[[layouts]]\n[layouts.records]\nunknown = "stop"\ntags.01 = [{name = "a", type = "u8"}]'
    answer = table.load(code, "t").run([Call(bytes.fromhex("01070203"), 1, NOW, SENDER)])[0]
    assert isinstance(answer, Decoded)
    assert [(v.name, v.value) for v in answer.values] == [("a", 7)]
    assert list(answer.ignored) == ["unknown-type"]


def test_json_says_the_same() -> None:
    assert read('{"layouts": [{"fields": [{"name": "a", "type": "u8", "text": {"1": "on"}}]}]}', "01") == [("a", "on")]


def test_a_label_is_the_name_and_the_version_that_is_given_or_declared() -> None:
    code = "version = 3\n" + fields('name = "a", type = "u8"')
    assert table.load(code, "tank").label == "tank@3"
    assert table.load(code, "tank", "0a1b2c3d").label == "tank@0a1b2c3d"


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("", "layouts"),
        ("layouts = []", "no layouts"),
        ("[[layouts]]", "needs fields, flags or records"),
        ("[[layouts]", "line 1"),
        ("{", "truncated"),
        ('layouts = 3', "array"),
        ('[[layouts]]\nport = [1]\nfields = []', "port"),
        (fields('name = "a"'), "type"),
        (fields('name = "a", type = "u12"'), "u12"),
        (fields('name = "a", type = "hex"'), "size"),
        (fields('name = "a", type = "u8", size = 2'), "size"),
        (fields('name = "", type = "u8"'), "name"),
        (fields('name = "a", type = "u8", at = -1'), "-1"),
        (fields('name = "a", type = "u8", bits = [4, 5]'), "bits"),
        (fields('name = "a", type = "i8", bits = [0, 1]'), "bits"),
        (fields('name = "a", type = "f32", bits = [0, 1]'), "bits"),
        (fields('name = "a", type = "u8", divide = 0'), "divide"),
        (fields('name = "a", type = "u8", add = nan'), "finite"),
        (fields('name = "a", type = "u8", divide = 2, text = {1 = "on"}'), "scale"),
        (fields('name = "a", type = "u8", text = {on = "1"}'), "on"),
        (fields('name = "a", type = "hex", size = 1, divide = 2'), "as it is"),
        (fields('name = "a", type = "time"', 'name = "b", type = "time"'), "one time"),
        (fields('name = "a", type = "u8", endian = "middle"'), "middle"),
        (fields('name = "a", type = "u8"', endian="middle"), "middle"),
        (f'[[layouts]]\nstarts = "0x"\n{fields("name = 1")}', "starts"),
        ('[[layouts]]\n[layouts.records]\ntags.01 = []\ntags.0102 = []', "one length"),
        ('[[layouts]]\n[layouts.records]\ntags = {}', "one length"),
        ('[[layouts]]\n[layouts.records]\nunknown = "skip"\ntags.01 = []', "skip"),
        ('[[layouts]]\n[layouts.flags]\ntype = "u8"\nsections = [[],[],[],[],[],[],[],[],[]]', "9 sections"),
        ('[[layouts]]\n[layouts.flags]\ntype = "f32"\nsections = [[]]', "f32"),
    ],
)  # fmt: skip
def test_a_bad_declaration_is_refused_in_one_sentence(code: str, fault: str) -> None:
    with pytest.raises(ValueError, match="declaration of a table: ") as refused:
        table.load(code, "t")
    said = str(refused.value)
    assert fault in said or code.startswith("[[layouts]]\nstarts")
    assert "\n" not in said


@given(st.text(max_size=200))
def test_any_text_is_a_codec_or_a_value_error(code: str) -> None:
    with suppress(ValueError):
        assert table.load(code, "t").label


@pytest.mark.parametrize("name", TABLES)
@given(payload=st.binary(max_size=64), port=st.integers(0, 255))
def test_any_payload_becomes_values_or_a_rejection(name: str, payload: bytes, port: int) -> None:
    call = Call(payload, port, NOW, SENDER)
    first, second = load()[name].run([call, call])
    assert first == second
    assert isinstance(first, list | Decoded | Rejected)


def test_a_payload_that_no_radio_carries_is_refused() -> None:
    assert read(fields('name = "a", type = "u8"'), "00" * 4_097) == "too-long"
