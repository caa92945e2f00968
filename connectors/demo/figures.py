"""The figures that the demo prints: counts of each stage, and two answers in SQL."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import httpx
from rich.markup import escape
from rich.table import Table

import sql
from connectors.simulator.ledger import Ledger
from connectors.verify import store_side
from connectors.verify.report import Report
from streams.settings import Settings

COUNTS = {
    "points": "SELECT count() FROM points FINAL",
    "series": "SELECT count() FROM series FINAL",
    "aggregates": "SELECT count() FROM aggregates FINAL",
}
SERIES = """
SELECT time, value FROM readings
WHERE device = (SELECT argMax(device, n) FROM (SELECT device, count() AS n FROM readings
                WHERE name = '1_Temperature' AND time > now() - 600 GROUP BY device))
  AND name = '1_Temperature' AND time > now() - 600 ORDER BY time
"""


def summary(settings: Settings, book: Ledger, report: Report) -> Table:
    """What came in, and what became of it."""
    table = Table("stage", "count", title="what happened", min_width=60)
    table.add_row("messages sent", str(book.sent.total()))
    table.add_row("acknowledged", str(book.acknowledged.total()))
    table.add_row("raw records", str(report.log.records))
    table.add_row("readings", str(report.log.readings))
    client = store_side.connect(settings.clickhouse)
    for name, query in COUNTS.items():
        table.add_row(name, str(client.query(query).result_rows[0][0]))
    client.close()
    for (stage, reason), number in sorted(_letters(report).items()):
        table.add_row(escape(f"dead letters: {stage}, {reason}"), str(number))
    for reason, number in sorted(report.log.ignored.items()):
        table.add_row(escape(f"ignored: {reason}"), str(number))
    table.add_row("files", str(_files(settings.files.directory)))
    table.add_row("raw archive files", str(_files(settings.files.archive)))
    posts = httpx.get(f"{settings.ubidots.url}/stats", timeout=5).json()
    for name, number in posts.items():
        table.add_row(f"Ubidots stub: {name}", str(number))
    return table


def answers(settings: Settings, asked: Mapping[str, dict[str, str]]) -> list[Table]:
    """The answers of queries from ``sql/queries`` with their parameters, each under its question."""
    client = store_side.connect(settings.clickhouse)
    tables = []
    for name, parameters in asked.items():
        result = client.query(sql.query(name), parameters=parameters)
        table = Table(*result.column_names, title=escape(_question(name, parameters)))
        for row in result.result_rows[:8]:
            table.add_row(*(escape(str(cell)) for cell in row))
        tables.append(table)
    client.close()
    return tables


def _question(name: str, parameters: dict[str, str]) -> str:
    text = sql.queries()[name]
    for parameter, value in parameters.items():
        text = text.replace(f"{{{parameter}:String}}", repr(value))
    return text


def _letters(report: Report) -> Counter[tuple[str, str]]:
    return Counter((stage, reason) for stage, reason, *_ in report.log.contents.dead_letters)


def _files(directory: Path) -> int:
    return sum(1 for path in directory.rglob("*") if path.is_file()) if directory.is_dir() else 0
