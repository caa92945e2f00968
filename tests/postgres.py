"""A PostgreSQL of a test, where its programs are installed; it refuses to run as root, so root lends it another account."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest

PASSWORD = "pass word/1"
PROGRAMS = ("initdb", "pg_ctl", "pg_dump")


def bin_directory() -> Path | None:
    """Where the programs are: on the path, else the newest of Debian's places."""
    found = shutil.which("initdb")
    places = [Path(found).resolve().parent] if found else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((place for place in places if all((place / name).exists() for name in PROGRAMS)), None)


@contextmanager
def running(port: int) -> Iterator[str]:
    """The URL of a server of our own, without password; skips where there is no PostgreSQL."""
    programs = bin_directory()
    if programs is None:
        pytest.skip("needs PostgreSQL's programs initdb, pg_ctl and pg_dump")
    # Not below pytest's own directory, which another account may not enter.
    with TemporaryDirectory(prefix="isthmus-postgres-") as made:
        folder = Path(made)
        _lend(folder)
        (folder / "password").write_text(PASSWORD)
        (folder / "password").chmod(0o644)
        data = folder / "data"
        secret = ["-U", "iota", f"--pwfile={folder / 'password'}", "-A", "scram-sha-256"]
        _run([str(programs / "initdb"), "-D", str(data), "-E", "UTF8", "--locale=C", *secret])
        options = (
            f"-p {port} -c timezone=UTC -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
        )
        control = [str(programs / "pg_ctl"), "-D", str(data), "-w", "-l", str(folder / "log")]
        _run([*control, "-o", options, "start"])
        try:
            yield f"postgresql://iota@127.0.0.1:{port}/postgres"
        finally:
            _run([*control, "-m", "immediate", "stop"])


def dumped(url: str, file: Path, *options: str) -> Path:
    """`pg_dump` of it."""
    programs = bin_directory()
    assert programs is not None
    environment = os.environ | {"PGPASSWORD": PASSWORD}
    command = [str(programs / "pg_dump"), "-d", url, "-f", str(file), *options]
    subprocess.run(command, check=True, env=environment, capture_output=True, timeout=60)
    return file


def connected(url: str) -> psycopg.Connection:
    """A connection."""
    return psycopg.connect(url, password=PASSWORD, autocommit=True)


def _run(command: Sequence[str]) -> None:
    account = {"user": _account().pw_uid, "group": _account().pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120, cwd="/", **account)  # type: ignore[call-overload]
    assert done.returncode == 0, done.stdout + done.stderr


def _lend(folder: Path) -> None:
    if os.geteuid() == 0:
        os.chown(folder, _account().pw_uid, _account().pw_gid)
    folder.chmod(0o755)


def _account() -> pwd.struct_passwd:
    return pwd.getpwnam("nobody")
