from pathlib import Path

import pytest

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
