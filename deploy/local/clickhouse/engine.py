"""chDB: one engine per process and directory; every request works on a handle of its own."""

import shutil
import threading
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from deploy.local.clickhouse import torn
from deploy.local.clickhouse.errors import NOT_ENOUGH_SPACE, Refused

_chdb: Any = import_module("chdb._chdb")  # the binding itself: the package's own API is narrower, and neither has types

Handle = Any
"""chDB's connection: `query`, `send_query`, `send_insert` and what goes with them. A handle runs one thing at a time,
handles run in parallel, settings and the current database belong to the handle. Opening one takes 0.2 ms."""

LONGEST_SESSION_S = 3600.0
RESERVE_BYTES = 16 << 20
"""Disk space that no statement may use: on a full disk the engine makes tables whose definition is empty, says that all
is well, and does not start again."""


def only_reads(handle: Handle, sql: str) -> bool:
    """Whether the engine would change nothing for this statement."""
    return bool(handle.classify_query(sql)["query_class"] == _chdb.query_class.READ_ONLY)


class Engine:
    """The open data directory. The engine itself refuses a directory that another process has open."""

    def __init__(self, directory: Path) -> None:
        self.directory, self._directory = directory, str(directory)
        torn.set_aside(directory)
        self._root = _chdb.connect(self._directory)  # keeps the engine open between requests
        self.timezone = self._root.query("SELECT timezone()", "TSV").bytes().decode().strip()

    def handle(self) -> Handle:
        """A fresh handle; close it."""
        return _chdb.connect(self._directory)

    def hold_room(self) -> None:
        """Keep the last of the disk free.

        Raises:
            Refused: there is no more space than that.
        """
        free = shutil.disk_usage(self.directory).free
        if free < RESERVE_BYTES:
            raise Refused(
                NOT_ENOUGH_SPACE, "NOT_ENOUGH_SPACE", f"No space left: {free} bytes, {RESERVE_BYTES} are kept"
            )

    def close(self) -> None:
        """Write out what is pending and let go of the directory."""
        self._root.close()


class Session:
    """A handle that outlives its request: temporary tables and settings stay."""

    def __init__(self, handle: Handle) -> None:
        self.handle = handle
        self.in_use = False
        self.expires = 0.0


class Sessions:
    """Sessions by id; those not used for their time-out are closed."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._sessions: dict[str, Session] = {}
        self._lock = threading.Lock()

    def known(self, name: str) -> bool:
        """Whether the session exists and has not expired."""
        with self._lock:
            self._expire()
            return name in self._sessions

    def take(self, name: str) -> Session | None:
        """The session, made when it is new; None while another request uses it."""
        with self._lock:
            self._expire()
            session = self._sessions.get(name)
            if session is None:
                session = self._sessions[name] = Session(self._engine.handle())
            if session.in_use:
                return None
            session.in_use = True
            return session

    def give_back(self, session: Session, timeout_s: float) -> None:
        """The request is over; the session lives on for ``timeout_s``."""
        session.expires = time.monotonic() + min(timeout_s, LONGEST_SESSION_S)
        session.in_use = False

    def _expire(self) -> None:
        now = time.monotonic()
        for name in [name for name, s in self._sessions.items() if not s.in_use and s.expires < now]:
            self._sessions.pop(name).handle.close()
