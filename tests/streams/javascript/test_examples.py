import json
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.javascript.examples import DEFAULT_TIME, Example, read_examples

REPOSITORY = """
uplinkDecoder:
  fileName: soil.js
  examples:
    - description: Two readings
      input: {fPort: 1, bytes: [140, 1], recvTime: 2024-05-01T10:00:00.5Z}
      output: {data: {battery: 2.8}, warnings: [battery low]}
      normalizedOutput: {data: [{battery: 2.8}]}
"""
LIST = """[
  {"type": "uplink", "input": {"bytes": "8C01", "fPort": 1}, "output": {"errors": ["no"]}},
  {"type": "downlink-encode", "input": {"data": {}}, "output": {"bytes": [1]}}
]"""
LINES = '{"kind": "case", "input": {"bytes": "", "fPort": 2}, "expected": {"data": {"a": 1}}, "desc": "one"}\n'


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def test_reads_the_shapes_that_vendors_use(tmp_path: Path) -> None:
    assert read_examples(write(tmp_path, "codec.yaml", REPOSITORY)) == [
        Example(
            description="Two readings", payload=b"\x8c\x01", port=1, time=1_714_557_600_500_000_000,
            data={"battery": 2.8}, warnings=["battery low"], normalized=[{"battery": 2.8}],
        )
    ]  # fmt: skip
    assert read_examples(write(tmp_path, "list.json", LIST)) == [
        Example(payload=b"\x8c\x01", port=1, time=DEFAULT_TIME, errors=["no"])
    ]
    assert read_examples(write(tmp_path, "cases.jsonl", LINES)) == [
        Example(description="one", payload=b"", port=2, data={"a": 1})
    ]


@pytest.mark.parametrize("text", ["{", "{}", '[{"input": {"bytes": "xx"}}]', '[{"input": {"bytes": 7}}]', "3"])
def test_says_why_a_file_cannot_be_used(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match=r"broken\.json: "):
        read_examples(write(tmp_path, "broken.json", text))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('[{"input": {"bytes": [1]}, "output": 5}]', "example 1: its input or its output is no object"),
        (
            '[1, {"input": {"bytes": [300]}}]',
            "example 2: its bytes are neither a list of 0 to 255 nor hexadecimal text",
        ),
        ('[{"input": {"bytes": [1.5]}}]', "example 1: its bytes are neither a list of 0 to 255 nor hexadecimal text"),
        ('[{"input": {"bytes": [], "fPort": "x"}}]', "example 1: its fPort is no number of 0 to 255: x"),
        ('[{"input": {"bytes": [], "fPort": 1e999}}]', "example 1: its fPort is no number of 0 to 255: inf"),
        ("[1, 2]", "holds no example of an uplink: "),
        ('[{"input": null}]', "holds no example of an uplink: "),
        ("[" * 100_000, "is nested too deeply"),
    ],
    ids=range(8),
)
def test_says_which_example_is_at_fault(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"odd.json: {why}")):
        read_examples(write(tmp_path, "odd.json", text))


def test_says_why_a_file_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match=r"binary\.json: is no text in UTF-8"):
        read_examples(tmp_path / "binary.json")
    with pytest.raises(ValueError, match=r"zero: is larger than 20000000 bytes"):
        read_examples(Path("/dev/zero"))


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=4)
    | st.sampled_from(["01", [1], "input"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["input", "output", "bytes", "fPort", "recvTime", "data", "errors", "examples", "device", "type"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(tree=ANYTHING)
def test_any_file_has_examples_or_a_fault(tmp_path: Path, tree: object) -> None:
    path = write(tmp_path, "any.json", json.dumps(tree))
    told = f"{path}: "
    try:
        read_examples(path)
    except ValueError as error:
        told = str(error)
    assert told.startswith(f"{path}: ")
