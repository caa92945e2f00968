"""What `.ci/run` lets pass: at most three tests that fail beside others and pass by themselves, and it names them."""

import json
import os
import subprocess
from pathlib import Path
from shutil import copy

import pytest

RUN = Path(__file__).parent.parent / ".ci" / "run"
MAKE = """#!/bin/sh
echo "make $1"
case " $FAILS " in *" $1 "*) exit 2 ;; esac
"""


def ci(directory: Path, fails: str, failed: list[str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run it in a directory where those targets of `make` fail, and `make test` leaves those failed tests."""
    for name in (".ci", "bin", ".pytest_cache/v/cache"):
        (directory / name).mkdir(parents=True)
    copy(RUN, directory / ".ci" / "run")
    (directory / "bin" / "make").write_text(MAKE)
    (directory / "bin" / "make").chmod(0o755)
    if failed is not None:
        told = json.dumps(dict.fromkeys(failed, True), indent=2)
        (directory / ".pytest_cache/v/cache/lastfailed").write_text(told)
    environment = {"PATH": f"{directory / 'bin'}:{os.environ['PATH']}", "FAILS": fails}
    return subprocess.run(
        [directory / ".ci" / "run"], env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_all_is_well(tmp_path: Path) -> None:
    done = ci(tmp_path, "")
    assert done.returncode == 0
    assert [line for line in done.stdout.splitlines() if line.startswith("make")] == [
        "make .venv/.ready", "make check", "make test",
    ]  # fmt: skip


def test_what_passes_by_itself_is_named(tmp_path: Path) -> None:
    done = ci(tmp_path, "test", ["tests/test_a.py::test_b"])
    assert done.returncode == 0
    assert "ci: FLAKY, failed beside others and passed by itself" in done.stdout
    assert '"tests/test_a.py::test_b": true' in done.stdout


@pytest.mark.parametrize(
    ("fails", "failed"),
    [
        ("test again", ["a"]),
        ("test", ["a", "b", "c", "d"]),
        ("test", None),
        ("check", []),
        (".venv/.ready", []),
    ],
)
def test_everything_else_fails(tmp_path: Path, fails: str, failed: list[str] | None) -> None:
    done = ci(tmp_path, fails, failed)
    assert done.returncode != 0
    assert "everything passed" not in done.stdout
