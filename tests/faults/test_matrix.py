"""The matrix is whole, and its report says what it must."""

import json
from pathlib import Path

from tests.faults.matrix import CASES
from tests.faults.result import Result, write


def test_every_row_has_a_case_and_every_case_a_name_of_its_own() -> None:
    assert {case.row for case in CASES.values()} >= set(range(1, 21))
    assert all(name == case.name for name, case in CASES.items())


def test_a_case_passes_without_faults_and_an_anchor_only_with_a_loss() -> None:
    clean, lost = Result(name="a", row=1, seed=1), Result(name="a", row=1, seed=1, missing=1, faults=["missing"])
    blind = Result(name="a", row=1, seed=1, must_fail=True, faults=["TimeoutError"])
    seen = Result(name="a", row=1, seed=1, must_fail=True, missing=1)

    assert [result.passed for result in (clean, lost, blind, seen)] == [True, False, False, True]


def test_the_report_holds_every_figure(tmp_path: Path) -> None:
    write(
        [Result(name="poison", row=10, seed=7, sent=3, acknowledged=2, peak_rss={"mqtt": 9})], tmp_path / "faults.json"
    )

    (case,) = json.loads((tmp_path / "faults.json").read_text())
    assert (case["name"], case["row"], case["seed"], case["sent"], case["acknowledged"]) == ("poison", 10, 7, 3, 2)
    assert (case["points"], case["missing"], case["extra"], case["wrong"], case["passed"]) == (0, 0, 0, 0, True)
    assert case["peak_rss"] == {"mqtt": 9}
