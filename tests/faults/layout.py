"""Where an installation of its own has its things."""

import json
from pathlib import Path
from typing import Any

from streams.settings import Settings
from tests.zone import ZONE


def overrides(directory: Path) -> dict[str, dict[str, Any]]:
    """Settings that keep everything below one directory."""
    return {
        "stack": {"directory": str(directory / "stack")},
        "files": {name: str(directory / name) for name in ("directory", "archive", "device_logs")},
        "spool": {"directory": str(directory / "spool")},
        "diversion": {"url": str(directory / "diverted")},
        "api": {"directory": str(directory / "api")},
    }


def environment(directory: Path, overrides: dict[str, Any]) -> dict[str, str]:
    """The same as variables of our processes, and where they look for what a test wants of them."""
    made = {
        f"ISTHMUS_{section.upper()}__{name.upper()}": value if isinstance(value, str) else json.dumps(value)
        for section, fields in overrides.items()
        for name, value in fields.items()
    }
    ours = {"ISTHMUS_TEST_POINTS": str(directory / "points"), "ISTHMUS_TEST_CLOCKS": str(directory / "clocks")}
    return made | ours | {"ISTHMUS_PROFILE": "local", "TZ": ZONE}


def places(settings: Settings) -> dict[str, Path]:
    """Directories that may get a small disk each."""
    files = {name: getattr(settings.files, name) for name in ("archive", "device_logs")}
    here = settings.stack.directory
    servers = {"clickhouse": here / "clickhouse", "kafka": here / "kafka", "mqtt-broker": here / "artemis"}
    return {**servers, "files": settings.files.directory, "spool": settings.spool.directory, **files}
