"""Setting up: what is missing is named in one line."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A directory with the script, and a PATH with nothing but what a shell needs."""
    (tmp_path / "deploy").mkdir()
    shutil.copy(ROOT / "deploy" / "venv.sh", tmp_path / "deploy")
    (tmp_path / "bin").mkdir()
    for program in ("sh", "dirname"):
        (tmp_path / "bin" / program).symlink_to(shutil.which(program) or program)
    return tmp_path


def python(clone: Path, name: str, version: str, *, recent: bool, venv: bool) -> None:
    """A program that answers the script's three questions."""
    program = clone / "bin" / name
    answers = (
        f"*python_version*) echo {version};; *version_info*) exit {int(not recent)};; *venv*) exit {int(not venv)};;"
    )
    program.write_text(f'#!/bin/sh\ncase "$*" in {answers} esac\n')
    program.chmod(0o755)


def setup(clone: Path, **variables: str) -> str:
    """What it says when it gives up."""
    environment = {"PATH": str(clone / "bin"), "HOME": os.environ.get("HOME", "/"), **variables}
    done = subprocess.run(
        ["sh", "deploy/venv.sh"], cwd=clone, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    return done.stderr


def test_no_python_at_all(clone: Path) -> None:
    assert (
        setup(clone) == "setup: Python 3.11 or later with venv is needed, and none is there: no python3 on the PATH\n"
    )


def test_a_python_that_is_too_old(clone: Path) -> None:
    python(clone, "python3", "3.9.2", recent=False, venv=True)

    assert "is needed, and none is there: python3 is 3.9.2;" in setup(clone)


def test_a_python_without_venv(clone: Path) -> None:
    python(clone, "python3.11", "3.11.2", recent=True, venv=False)

    assert "python3.11 (3.11.2) has no venv: install it (Debian, Ubuntu: python3-venv)" in setup(clone)


def test_only_the_named_python_is_tried(clone: Path) -> None:
    python(clone, "python3", "3.13.0", recent=True, venv=True)
    python(clone, "python3.9", "3.9.2", recent=False, venv=True)

    assert "python3.9 is 3.9.2;" in setup(clone, PYTHON="python3.9")


def test_requirements_are_pinned_and_name_no_host() -> None:
    for name in ("requirements.txt", "requirements-dev.txt", "requirements-uv.txt"):
        lines = (ROOT / name).read_text("ascii").splitlines()
        packages = [line for line in lines if line and line[0] not in "# "]

        assert packages
        assert all("==" in line and line.endswith("\\") for line in packages)
        assert not [line for line in lines if "://" in line or "--" in line.replace("--hash=sha256:", "")]


def test_every_dependency_is_pinned() -> None:
    """Repair: make lock."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    pinned = set(re.findall(r"^([\w.-]+)==", (ROOT / "requirements-dev.txt").read_text("ascii"), re.MULTILINE))

    assert {re.split(r"[^\w.-]", name)[0].replace(".", "-") for name in wanted} <= pinned


def test_development_only_adds_to_what_runs() -> None:
    pins = {
        name: {line.split(" \\")[0] for line in (ROOT / name).read_text().splitlines() if "==" in line}
        for name in ("requirements.txt", "requirements-dev.txt")
    }

    assert pins["requirements.txt"] <= pins["requirements-dev.txt"]
