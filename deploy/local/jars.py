"""The brokers' jars: exact versions from Maven Central, checked against our own sha256, kept in a cache that clones share.

A lock file has one line per jar: sha256, size in bytes, repository path. Only exact coordinates are asked for: a resolver
that follows dependencies would choose versions that nobody has tested.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from deploy.local.plan import StackError

KAFKA = "kafka-4.3.1"
ARTEMIS = "artemis-2.53.0"
THREADS = 8
ATTEMPTS = 3
TIMEOUT_S = 30

Advance = Callable[[int], None]
"""Told the bytes of each jar that was downloaded."""


class JarError(StackError):
    """A jar that cannot be had, or is not what the lock says."""


class Jar(NamedTuple):
    """One line of a lock file."""

    sha256: str
    size: int
    path: PurePosixPath

    @property
    def coordinates(self) -> tuple[str, str, str, str]:
        """Group, artifact, version, classifier (often empty), from the repository path."""
        *group, artifact, version, file = self.path.parts
        classifier = file.removeprefix(f"{artifact}-{version}").removesuffix(".jar").removeprefix("-")
        return ".".join(group), artifact, version, classifier


def locked(name: str) -> tuple[Jar, ...]:
    """The jars of lock ``name``."""
    lines = (Path(__file__).parent / f"{name}.lock").read_text("ascii").splitlines()
    return tuple(Jar(sha, int(size), PurePosixPath(path)) for sha, size, path in map(str.split, lines))


def default_cache() -> Path:
    """Where jars are kept: ``$XDG_CACHE_HOME/isthmus/jars``, else under ``~/.cache``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "isthmus" / "jars"


def fetch(name: str, cache: Path, mirror: str | None = None, advance: Advance = lambda _: None) -> Path:
    """Directory with exactly the jars of lock ``name``; what is missing or damaged is downloaded.

    Raises:
        JarError: a download failed or has another content than the lock says.
    """
    jars = locked(name)
    directory = cache / f"{name}-{_digest(jars)}"
    directory.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(THREADS) as pool:
        for size in pool.map(lambda jar: _provide(jar, directory, mirror), jars):
            advance(size)
    return directory


def missing(name: str, cache: Path) -> int:
    """Bytes that :func:`fetch` would download."""
    jars = locked(name)
    directory = cache / f"{name}-{_digest(jars)}"
    return sum(jar.size for jar in jars if not (directory / jar.path.name).is_file())


def _digest(jars: tuple[Jar, ...]) -> str:
    return hashlib.sha256("".join(jar.sha256 for jar in jars).encode()).hexdigest()[:12]


def _provide(jar: Jar, directory: Path, mirror: str | None) -> int:
    if _fits(jar, directory / jar.path.name):
        return 0
    _download(jar, directory, mirror)
    return jar.size


def _fits(jar: Jar, file: Path) -> bool:
    if not file.is_file() or file.stat().st_size != jar.size:
        return False
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest() == jar.sha256


def _download(jar: Jar, directory: Path, mirror: str | None) -> None:
    fault = ""
    for _ in range(ATTEMPTS):
        with tempfile.TemporaryDirectory(dir=directory.parent) as scratch:
            try:
                found = _resolve(jar, Path(scratch), mirror)
            except (OSError, RuntimeError, ValueError) as error:  # requests' errors are OSErrors
                fault = f"cannot download {jar.path.name}: {error}"
                continue
            if _fits(jar, found):
                found.replace(directory / jar.path.name)
                return
            fault = f"{jar.path.name}: the download is not what the lock file says"
    raise JarError(f"{fault} ({ATTEMPTS} attempts)")


def _resolve(jar: Jar, scratch: Path, mirror: str | None) -> Path:
    from jgo.maven import MavenContext  # noqa: PLC0415 - a quarter of a second that only a download is worth

    group, artifact, version, classifier = jar.coordinates
    context = MavenContext(repo_cache=scratch, remote_repos={"mirror": mirror} if mirror else None, timeout=TIMEOUT_S)
    wanted = context.project(group, artifact).at_version(version).artifact(classifier=classifier, packaging="jar")
    return wanted.resolve()
