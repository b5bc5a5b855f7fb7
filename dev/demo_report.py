"""The report at the end of the demo: a query with DuckDB over the tables of all vendors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_convexport.cli.views import views_for
from airflow_provider_convexport.export.dataset.reader import read_partitions

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

REPORT = """\
WITH conversations AS (
  SELECT
    vendor,
    CAST(started_at AT TIME ZONE 'UTC' AS DATE) AS day,
    count(*) AS conversations,
    sum(CAST(is_escalated AS INTEGER)) AS escalated,
    sum(CAST(is_resolved AS INTEGER)) AS resolved,
    count(csat_score) AS ratings,
    round(avg(csat_score), 1) AS csat
  FROM current_conversations
  WHERE is_test IS NOT TRUE
  GROUP BY ALL
),
messages AS (
  SELECT vendor, CAST(sent_at AT TIME ZONE 'UTC' AS DATE) AS day, count(*) AS messages
  FROM current_messages
  GROUP BY ALL
)
SELECT vendor, day, conversations, messages, escalated, resolved, ratings, csat
FROM conversations LEFT JOIN messages USING (vendor, day)
ORDER BY vendor, day"""


def report(tables: Path, day: date) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return the names of the report's columns, and its rows of a day.

    :param tables: The destination of `ConversationTablesOperator`, a local folder.
    :param day: The day in UTC. Exports of changes also hold some conversations of other days.
    """
    import duckdb

    with duckdb.connect() as engine:
        for name in ("conversations", "messages"):
            files = [url for each in read_partitions(str(tables / name)) for url in each.urls]
            paths = [url.removeprefix("file://") for url in files]
            engine.read_parquet(paths, union_by_name=True, hive_partitioning=False).create_view(name)
        engine.execute(views_for("duckdb"))
        found = engine.sql(REPORT).filter(f"day = DATE '{day}'").order("vendor")
        return found.columns, found.fetchall()
