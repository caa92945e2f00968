"""The demo's own settings: everything below one directory, and Ubidots played by a stub that enforces its documented limits.

They are variables while the demo runs, which win over the user's; and a file afterwards, to which any command can be pointed.
"""

import os
import tomllib
from pathlib import Path
from typing import Any

import tomli_w

from streams import settings
from streams.settings import Settings

HOME = Path("var/demo")
FILE = HOME / "isthmus.toml"
STUB_PORT, STUB_TOKEN = 25790, "demo-token"


def of(home: Path) -> dict[str, dict[str, str]]:
    """The settings, by section, that keep everything below ``home``."""
    return {
        "stack": {"directory": str(home / "stack")},
        "files": {
            "directory": str(home / "files"),
            "archive": str(home / "archive"),
            "device_logs": str(home / "device-logs"),
        },
        "spool": {"directory": str(home / "spool")},
        "diversion": {"url": str(home / "diverted")},
        "api": {"directory": str(home / "api")},
        "ubidots": {"token": STUB_TOKEN, "url": f"http://127.0.0.1:{STUB_PORT}"},
    }


def load(home: Path = HOME) -> Settings:
    """The user's settings but for the demo's own, also for the processes that it starts.

    Raises:
        SettingsError: the user's are at fault.
    """
    for section, values in of(home).items():
        for name, value in values.items():
            os.environ[f"ISTHMUS_{section.upper()}__{name.upper()}"] = value
    return settings.load()


def tables() -> dict[str, Any]:
    """The user's settings file, as far as there is one, with the demo's own settings in it."""
    file = settings.config_file()
    found: dict[str, Any] = tomllib.loads(file.read_text("utf-8")) if file.is_file() else {}
    return found | {section: found.get(section, {}) | values for section, values in of(HOME).items()}


def write(content: dict[str, Any]) -> None:
    """Leave ``content`` as ``FILE``, for its owner alone: it may hold secrets."""
    HOME.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(FILE, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        tomli_w.dump(content, out)
