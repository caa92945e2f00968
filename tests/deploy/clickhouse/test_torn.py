"""What a full disk left of a table is put aside; what is whole, or in use, is left alone."""

import fcntl
from pathlib import Path

import pytest

from deploy.local.clickhouse import torn


def _definition(directory: Path, text: str) -> Path:
    path = directory / "store" / "4c8" / "4c89b1c0" / "u.sql"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return path


def test_an_empty_definition_is_put_aside(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = _definition(tmp_path, "")

    assert torn.set_aside(tmp_path) == [tmp_path / "torn" / "4c89b1c0-u.sql"]
    assert not path.exists()
    assert "u.sql is empty" in capsys.readouterr().err


def test_a_whole_definition_stays(tmp_path: Path) -> None:
    path = _definition(tmp_path, "ATTACH TABLE …")

    assert torn.set_aside(tmp_path) == []
    assert path.exists()


def test_nothing_is_touched_while_an_engine_runs(tmp_path: Path) -> None:
    path = _definition(tmp_path, "")
    with (tmp_path / "status").open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)

        assert torn.set_aside(tmp_path) == []
    assert path.exists()
