"""SQL files keep their promises."""

from pathlib import Path

import sql

FOLDER = Path(sql.__file__).parent


def test_migrations_are_numbered_explained_and_repeatable() -> None:
    for number, migration in enumerate(sql.migrations()):
        assert migration.number == number
        assert migration.text.startswith("-- ")
        for statement in migration.statements:
            assert "IF NOT EXISTS" in statement or "CREATE OR REPLACE" in statement, migration.name


def test_every_query_starts_with_its_question() -> None:
    assert set(sql.queries()) == {path.stem for path in (FOLDER / "queries").glob("*.sql")}
    for name, question in sql.queries().items():
        assert "?" in question, name
        assert question[0].isupper(), name
        assert sql.query(name).startswith("-- "), name


def test_no_statement_names_a_database() -> None:
    for path in FOLDER.rglob("*.sql"):
        assert "isthmus." not in path.read_text("utf-8")


def test_comments_hold_no_placeholders() -> None:
    for name in sql.queries():
        comments = [line for line in sql.query(name).splitlines() if line.startswith("--")]
        assert not any("$" in line for line in comments), name
