"""A corpus of public codecs' cases, run through the sandbox as live payloads are.

The corpus names decoder files by their sha-256 and does not hold them: they are their vendors'. Each is registered as a
person would do it, by its vendor's own examples, which tell how it has to be run; then its cases are run.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

from msgspec import Struct

from streams.core.codec import Call
from streams.core.message import Sender
from streams.javascript.codec import program
from streams.javascript.compare import as_list, differences
from streams.javascript.examine import answer_as_dict, examine
from streams.javascript.examples import Example, example, texts
from streams.javascript.sandbox import Mode, Program, Sandbox
from streams.javascript.told import Answer

EXAMPLE_VERDICTS = ("ok", "recvtime-string", "utc-only", "example-differs", "bare-return")
"""cases that are vendors' own examples; the others were made to do harm"""
PROMISED = {"ok": 0.999, "malformed": 0.99}
"""the share that has to come out; of every other verdict but ``NOT_PROMISED`` it is all"""
NOT_PROMISED = ("locale-sensitive", "example-differs")
"""The second depends on the day on which it was recorded: here a codec's clock is the message's time."""
ERROR_REASONS = {"throws": "codec-threw", "compile-error": "codec-broken", "timeout": "codec-timeout"}
EXPECTED_BY_VERDICT = {"recvtime-string": "expected_with_date", "example-differs": "node20"}
DIFFERENCE_LIMIT = 5
TEXT_LIMIT = 300
"""of errors, as the sandbox tells them"""
MAX_FILE_BYTES = 4_000_000

DECENTLAB = """
;function decodeUplink(input) {
  var told = decentlab_decoder.decode(input.bytes);
  if (told.error) return { errors: [told.error] };
  var data = { "Device ID": told.device_id, "Protocol version": told.protocol_version };
  for (var name in told) if (told[name].displayName) data[told[name].displayName] = { value: told[name].value, unit: told[name].unit };
  return { data: data };
}
"""
"""Decentlab's files have a function of their own convention; the corpus names their values for people."""


class Outcome(Struct, frozen=True, kw_only=True):
    """What became of one case; ``differences`` empty: as expected. ``missing``: its decoder is not among the files."""

    id: str
    verdict: str
    mode: str = ""
    missing: bool = False
    differences: list[str] = []

    @property
    def passed(self) -> bool:
        """Whether it was run and came out."""
        return not self.missing and not self.differences


class Corpus(Struct, frozen=True):
    """``decoders`` by key, ``cases`` by the key of their decoder."""

    decoders: dict[str, dict[str, Any]]
    cases: dict[str, list[dict[str, Any]]]


def read(path: Path) -> Corpus:
    """The corpus of a JSON lines file.

    Raises:
        ValueError: in one line, why it cannot be used.
    """
    corpus = Corpus({}, defaultdict(list))
    try:
        for line in path.read_text("utf-8").splitlines():
            entry = json.loads(line)
            if entry["kind"] == "decoder":
                corpus.decoders[entry["key"]] = entry
            elif entry["kind"] in ("case", "sequence", "pair"):
                corpus.cases[entry["decoder"]].append(entry)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: {' '.join(str(error).split())}") from error
    return corpus


def find(folder: Path, wanted: Iterable[str]) -> dict[str, str]:
    """The decoder files under a folder by their sha-256, wherever and however they are named."""
    hashes, found = set(wanted), {}
    for path in folder.rglob("*"):
        if path.is_file() and path.stat().st_size <= MAX_FILE_BYTES:
            content = path.read_bytes()
            digest = sha256(content).hexdigest()
            if digest in hashes:
                found[digest] = content.decode("utf-8", "replace")
    return found


def run(corpus: Corpus, files: Mapping[str, str], sandbox: Sandbox) -> Iterator[list[Outcome]]:
    """What became of the cases, decoder by decoder."""
    codes = {key: files[d["sha256"]] for key, d in corpus.decoders.items() if d["sha256"] in files}
    for key, cases in corpus.cases.items():
        if key in codes:
            yield _Runner(cases, codes, key, sandbox).run()
        else:
            yield [Outcome(id=case["id"], verdict=case["verdict"], missing=True) for case in cases]


class _Runner:
    """The cases of one decoder."""

    def __init__(self, cases: Sequence[dict[str, Any]], codes: Mapping[str, str], key: str, sandbox: Sandbox) -> None:
        self._cases, self._codes, self._sandbox = cases, codes, sandbox
        self._code = codes[key] + (DECENTLAB if cases[0]["api"] == "decentlab-js" else "")
        self._digest = sha256(self._code.encode()).hexdigest()
        shown = [example(case) for case in cases if case["verdict"] in EXAMPLE_VERDICTS]
        self._mode: Mode = examine(self._code, shown, sandbox=sandbox).mode

    def run(self) -> list[Outcome]:
        """All in one batch, as they would come; then those that are about an order."""
        single = [case for case in self._cases if case["kind"] == "case"]
        told: dict[str, Answer] = {}
        for lenient in (False, True):
            its = [case for case in single if _is_lenient(case) is lenient]
            answers = self._ask(self._program(lenient=lenient), [example(case) for case in its])
            told.update(zip((case["id"] for case in its), answers, strict=True))
        normalized = [
            self._judge_normalized(case, told[case["id"]]) for case in single if "expected_normalized" in case
        ]
        return [*(self._judge(case, told) for case in self._cases), *normalized]

    def _judge(self, case: dict[str, Any], told: Mapping[str, Answer]) -> Outcome:
        verdict: str = case["verdict"]
        if case["kind"] == "sequence":
            answers = self._ask(self._program(), [example({"input": given}) for given in case["inputs"]])
            found = [line for pair in zip(case["expected"], answers, strict=True) for line in _differences(*pair)]
        elif case["kind"] == "pair":
            found = _differences(case["expected"], self._pair(case))
        else:
            found = _differences(_expected(case), told[case["id"]])
        return Outcome(id=case["id"], verdict=verdict, mode=self._mode, differences=found)

    def _judge_normalized(self, case: dict[str, Any], answer: Answer) -> Outcome:
        expected, got = case["expected_normalized"].get("data"), answer_as_dict(answer).get("normalized")
        found = list(differences(as_list(expected), as_list(got), "normalized", moments=False))
        return Outcome(id=case["id"], verdict="normalized", mode=self._mode, differences=found)

    def _pair(self, case: dict[str, Any]) -> Answer:
        first = self._codes.get(case["first"]["decoder"])
        if first is None:
            return "first-decoder-missing", case["first"]["decoder"]
        self._ask(program(sha256(first.encode()).hexdigest(), first, "wrapped"), [example(case["first"])])
        return self._ask(self._program(), [example(case)])[0]

    def _program(self, *, lenient: bool = False) -> Program:
        return program(self._digest, self._code, self._mode, lenient=lenient)

    def _ask(self, asked: Program, examples: Sequence[Example]) -> list[Answer]:
        sender = Sender(device="corpus:1", source_ids={})
        calls = [Call(one.payload, one.port, one.time, sender) for one in examples]
        return self._sandbox.run(asked, calls, patient=True)


def _is_lenient(case: dict[str, Any]) -> bool:
    """Whether it takes the lenient setting: such data is no data to The Things Stack and ChirpStack."""
    return case["verdict"] == "bare-return" or isinstance(_expected(case).get("data"), list)


def _expected(case: dict[str, Any]) -> dict[str, Any]:
    expected: dict[str, Any] = case[EXPECTED_BY_VERDICT.get(case["verdict"], "expected")]
    return expected


def _differences(expected: dict[str, Any], answer: Answer) -> list[str]:
    """Errors and warnings that are empty are as good as none; text is compared to the letter."""
    got = answer_as_dict(answer)
    if got.get("error") == "no-data" and not expected.keys() & {"data", "errors", "error"}:
        return []  # so it is: there is none
    errors = texts(expected.get("errors"))
    error = expected.get("error")
    wanted: dict[str, Any]
    if error in ERROR_REASONS:
        wanted = {"error": ERROR_REASONS[error]}
        got.pop("detail", None)
    elif errors or error:
        wanted = {"errors": "; ".join(errors or [str(error)])[:TEXT_LIMIT]}
    else:
        wanted = {"data": expected.get("data"), "warnings": texts(expected.get("warnings"))}
        got["warnings"] = got.get("warnings", [])
    got.pop("normalized", None)
    found = differences(wanted, got, "", moments=False)
    return [line.removeprefix(".") for line in islice(found, DIFFERENCE_LIMIT)]
