"""`isthmus import iota`, `isthmus registry …`: what is wrong is said in one sentence, before anything is asked of anybody."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from connectors.cli.main import build
from streams.registry import snapshot
from streams.registry.snapshot import Header, Snapshot
from tests.connectors.migration import iota


def run(*arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(build(arguments), arguments)
    return done.exit_code, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("import", "iota"), 2, "give --pg URL, or --dump FILE"),
        (("import", "iota", "--pg", "postgresql://a:s3cret@x/y", "--dump", "FILE"), 2, "give --pg URL, or --dump FILE"),
        (("import", "iota", "--pg", "postgresql://a:s3cret@127.0.0.1:1/y"), 1, "PostgreSQL at 127.0.0.1:1/y cannot be read"),
        (("import", "iota", "--pg", "a:s3cret@127.0.0.1"), 1, "--pg takes postgresql://USER@HOST:PORT/DATABASE"),
        (("import", "iota", "--dump", "/no/such/file"), 2, "does not exist"),
        (("import", "iota", "--dump", "FILE"), 1, "custom format: convert it with `pg_restore -f dump.sql "),
        (("import", "iota", "--dump", "FILE", "--from", "yesterday"), 2, "--from"),
        (("registry", "restore", "FILE", "--yes", "--force"), 1, "This is no snapshot of a registry; nothing was written"),
        (("registry", "restore", "/no/such/file"), 1, "No such file or directory; nothing was written"),
        (("registry", "backup", "-o", "-", "--json"), 2, "leave --json or -o - out"),
    ],
)  # fmt: skip
def test_a_fault_is_one_sentence_on_stderr(tmp_path: Path, arguments: tuple[str, ...], status: int, said: str) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"PGDMP\x01\x0e")

    found = run(*(str(file) if argument == "FILE" else argument for argument in arguments))

    assert found[:2] == (status, "")
    assert said in " ".join(found[2].replace("│", " ").split())
    assert "s3cret" not in found[2]
    assert "Traceback" not in found[2]


def test_a_snapshot_whose_end_is_missing_writes_nothing(tmp_path: Path) -> None:
    header = Header(taken_at="", cluster="c", log="l", prefix="")
    whole = b"".join(snapshot.lines(Snapshot(header, {"logical-devices": {}})))
    file = tmp_path / "cut.jsonl"
    file.write_bytes(whole[: whole.index(b"\n") + 1])

    status, out, err = run("registry", "restore", str(file), "--yes")

    assert (status, out) == (1, "")
    assert err == (
        "isthmus: The snapshot ends after 0 record(s), before its last line: it is not complete; nothing was written\n"
    )


@pytest.mark.parametrize(
    ("cut", "said"),
    [(80, "does not end as pg_dump ends its dumps: it is not"), (110, "ends amid table users: it is not complete")],
)
def test_a_cut_dump_is_said_to_be_one(tmp_path: Path, cut: int, said: str) -> None:
    file = tmp_path / "cut.sql"
    whole = iota.dump()
    file.write_bytes(whole[: whole.index(b"COPY public.users") + cut])

    status, out, err = run("import", "iota", "--dump", str(file), "--dry-run", "--json")

    assert (status, out) == (1, "")
    assert said in err
