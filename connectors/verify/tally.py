"""What must be somewhere against what is there, by key and digest: exact, both ways, and in bounded memory.

The two sides are kept in a temporary database on the disk, which ends with the process. A key may have more than one right
content, and may be allowed to be absent; a group of keys of which nobody knows what is right is counted, not judged.
"""

import sqlite3
from hashlib import blake2b

from connectors.verify.compare import Difference

TABLES = """
CREATE TABLE expected (key TEXT, digest BLOB, may_lack INTEGER, PRIMARY KEY (key, digest)) WITHOUT ROWID;
CREATE TABLE found (key TEXT, digest BLOB, in_group TEXT);
CREATE TABLE open_groups (in_group TEXT PRIMARY KEY) WITHOUT ROWID;
"""
EXPECT = """
INSERT INTO expected VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET may_lack = min(may_lack, excluded.may_lack)
"""
MISSING = "SELECT DISTINCT key FROM expected WHERE NOT may_lack AND key NOT IN (SELECT key FROM found)"
UNKNOWN = "SELECT key, in_group FROM found WHERE key NOT IN (SELECT key FROM expected)"
EXTRA = f"{UNKNOWN} AND in_group NOT IN (SELECT in_group FROM open_groups)"  # noqa: S608 - of our own text
DOUBLED = """
SELECT key, count(*) - 1 FROM found WHERE key IN (SELECT key FROM expected) GROUP BY key HAVING count(*) > 1
"""
CHANGED = """
SELECT DISTINCT key, in_group FROM found
WHERE key IN (SELECT key FROM expected)
  AND NOT EXISTS (SELECT 1 FROM expected WHERE expected.key = found.key AND expected.digest = found.digest)
"""
WRONG = f"{CHANGED} AND in_group NOT IN (SELECT in_group FROM open_groups)"  # noqa: S608
SHOWN = 3


class Tally:
    """Both sides of one table of the comparison."""

    def __init__(self, table: str) -> None:
        self.table = table
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.executescript(f"{TABLES} BEGIN;")

    def expect(self, key: str, content: bytes = b"", *, may_lack: bool = False) -> None:
        """``key`` must be there with this content, or another one that is told for it."""
        self._database.execute(EXPECT, (key, _digest(content), may_lack))

    def leave_open(self, group: str) -> None:
        """Nobody knows what the keys of this group must hold."""
        self._database.execute("INSERT OR IGNORE INTO open_groups VALUES (?)", (group,))

    def find(self, key: str, content: bytes = b"", group: str = "") -> None:
        """``key`` is there with this content."""
        self._database.execute("INSERT INTO found VALUES (?, ?, ?)", (key, _digest(content), group))

    def close(self) -> tuple[Difference, int]:
        """What differs, and how many keys could not be judged."""
        self._database.execute("CREATE INDEX by_key ON found (key)")
        doubled = self._database.execute(DOUBLED).fetchall()
        missing, extra, wrong = self._count(MISSING), self._count(EXTRA), self._count(WRONG)
        unchecked = self._count(UNKNOWN) + self._count(CHANGED) - extra - wrong
        examples = (
            *self._examples("missing", MISSING),
            *self._examples("extra", EXTRA),
            *(f"there {times + 1} times: {key}" for key, times in doubled[:SHOWN]),
            *self._examples("wrong", WRONG),
        )
        (expected,) = self._database.execute("SELECT count(DISTINCT key) FROM expected WHERE NOT may_lack").fetchone()
        self._database.close()
        twice = sum(times for _, times in doubled)
        return Difference(self.table, expected, missing, extra + twice, wrong, examples), unchecked

    def _count(self, question: str) -> int:
        (number,) = self._database.execute(f"SELECT count(*) FROM ({question})").fetchone()  # noqa: S608 - our own
        return int(number)

    def _examples(self, what: str, question: str) -> list[str]:
        rows = self._database.execute(f"{question} ORDER BY key LIMIT {SHOWN}").fetchall()
        return [f"{what} {row[0]}" for row in rows]


def _digest(content: bytes) -> bytes:
    return blake2b(content, digest_size=16).digest()
