"""What the demo leaves behind for whoever wants to look further."""

import os
import stat
from pathlib import Path

import pytest

from connectors.demo import own
from streams import settings
from streams.settings import CONFIG_VARIABLE


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory of its own, without the caller's variables."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("ISTHMUS_")]:
        monkeypatch.delenv(name)


def test_a_command_that_is_given_the_file_has_the_demo_s_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    own.write(own.tables())
    monkeypatch.setenv(CONFIG_VARIABLE, str(own.FILE))
    loaded = settings.load()
    assert loaded.api.directory == Path("var/demo/api")
    assert loaded.stack.directory == Path("var/demo/stack")
    assert loaded.files.device_logs == Path("var/demo/device-logs")
    assert loaded.ubidots.url == "http://127.0.0.1:25790"


def test_nothing_of_the_demo_lies_outside_of_its_directory() -> None:
    made = own.of(Path("h"))
    places = [value for values in made.values() for name, value in values.items() if name != "token"]
    assert sorted(places) == [
        "h/api", "h/archive", "h/device-logs", "h/diverted", "h/files", "h/spool", "h/stack", "http://127.0.0.1:25790",
    ]  # fmt: skip


def test_the_user_s_own_settings_stand_in_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("isthmus.toml").write_text("[api]\nport = 6000\n\n[kafka]\npartitions = 2\n", "utf-8")
    own.write(own.tables())
    monkeypatch.setenv(CONFIG_VARIABLE, str(own.FILE))
    loaded = settings.load()
    assert (loaded.api.port, loaded.kafka.partitions, loaded.api.directory) == (6000, 2, Path("var/demo/api"))


def test_a_second_demo_with_the_first_one_s_file_writes_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    own.write(own.tables())
    first = own.FILE.read_bytes()
    monkeypatch.setenv(CONFIG_VARIABLE, str(own.FILE))
    own.write(own.tables())
    assert own.FILE.read_bytes() == first


def test_it_is_readable_for_its_owner_alone() -> None:
    own.write(own.tables())
    assert stat.S_IMODE(own.FILE.stat().st_mode) == 0o600
