"""SQL: numbered migrations and named questions; data, and the one loader that reads them."""

from functools import cache
from importlib.resources import files
from typing import NamedTuple


class Migration(NamedTuple):
    """One step of the store's history: it is never edited once shipped, only followed by another."""

    number: int
    name: str
    statements: tuple[str, ...]
    text: str


@cache
def migrations() -> tuple[Migration, ...]:
    """Every migration of ``migrations/NNNN_name.sql``, in order.

    Raises:
        ValueError: two have the same number, or one is missing.
    """
    paths = sorted((p for p in (files(__name__) / "migrations").iterdir() if p.name.endswith(".sql")), key=str)
    found = tuple(_migration(path.name, path.read_text("utf-8")) for path in paths)
    if [m.number for m in found] != list(range(len(found))):
        raise ValueError(f"migrations are not numbered 0, 1, 2 …: {[m.number for m in found]}")
    return found


@cache
def query(name: str) -> str:
    """The SQL of ``queries/<name>.sql``; its first line is a comment: the question that it answers."""
    return (files(__name__) / "queries" / f"{name}.sql").read_text("utf-8")


@cache
def queries() -> dict[str, str]:
    """Every named query: name -> question."""
    paths = sorted((p for p in (files(__name__) / "queries").iterdir() if p.name.endswith(".sql")), key=str)
    return {p.name[:-4]: p.read_text("utf-8").splitlines()[0].removeprefix("--").strip() for p in paths}


def _migration(file: str, text: str) -> Migration:
    number, _, name = file.removesuffix(".sql").partition("_")
    statements = tuple(part.strip() for part in text.split(";\n") if part.strip())
    return Migration(int(number), name, statements, text)
