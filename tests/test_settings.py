"""Settings: one message with every fault, secrets hidden, variables over the file."""

from pathlib import Path

import pytest

from streams import settings
from streams.settings import SettingsError


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def test_it_reports_every_fault_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISTHMUS_KAFKA__PARTITIONS", "0")
    monkeypatch.setenv("ISTHMUS_WINDOW__BASE_S", "[7]")
    monkeypatch.setenv("ISTHMUS_UBIDOTS__TOKNE", "x")

    with pytest.raises(SettingsError) as caught:
        settings.load()

    assert "3 fault(s)" in str(caught.value)
    assert all(name in str(caught.value) for name in ("kafka.partitions", "window", "ubidots.tokne"))


def test_a_variable_of_no_section_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISTHMUS_KAFAK__PREFIX", "x")

    with pytest.raises(SettingsError, match="ISTHMUS_KAFAK__PREFIX"):
        settings.load()


def test_a_named_file_must_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISTHMUS_CONFIG", "nowhere.toml")

    with pytest.raises(SettingsError, match=r"nowhere\.toml, which is no file"):
        settings.load()


def test_a_variable_wins_over_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "isthmus.toml").write_text('[kafka]\nprefix = "file."\npartitions = 8\n')
    monkeypatch.setenv("ISTHMUS_KAFKA__PREFIX", "variable.")

    loaded = settings.load().kafka

    assert (loaded.prefix, loaded.partitions) == ("variable.", 8)


def test_a_broken_file_is_a_message(tmp_path: Path) -> None:
    (tmp_path / "isthmus.toml").write_text("[kafka\n")

    with pytest.raises(SettingsError, match="settings:"):
        settings.load()


def test_a_secret_may_come_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("BBUS-secret\n")
    monkeypatch.setenv("ISTHMUS_UBIDOTS__TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("ISTHMUS_UBIDOTS__TOKEN", "before")
    monkeypatch.delenv("ISTHMUS_UBIDOTS__TOKEN")  # so that it is taken away again afterwards

    loaded = settings.load()

    assert loaded.ubidots.token is not None
    assert loaded.ubidots.token.get_secret_value() == "BBUS-secret"
    assert "BBUS-secret" not in repr(loaded) + loaded.model_dump_json()
