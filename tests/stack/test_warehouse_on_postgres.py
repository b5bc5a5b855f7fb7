"""What a warehouse is told, on PostgreSQL, from which Redshift has its SQL, beside DuckDB."""

from __future__ import annotations

import random
import re
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from airflow_provider_convexport.cli.views import views_for
from airflow_provider_convexport.tables.schema import TABLES
from tests.support.current_state import TYPES, engine_with

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "warehouse.md").read_text()
WINDOWS = {
    "ada": ["created", "updated"],
    "applied_labs": ["created_at", "last_message_at"],
    "agentx": ["time"],
}
SHOWN = {"conversations": "summary", "messages": "text"}


def rows_of(chance: random.Random, table: str, count: int = 150):
    """Rows of few ids and days, so that versions compete; no two of them were exported at the same time."""

    def moment():
        return datetime(2026, 4, chance.randint(1, 4), chance.choice([0, 3, 12, 23]), tzinfo=UTC)

    for number in range(count):
        vendor = chance.choice(list(WINDOWS))
        row = {
            "vendor": vendor,
            "scope": chance.choice(["{}", '{"shop_id":"1"}']),
            "partition_date": date(2026, 4, chance.randint(1, 4)),
            "window_on": chance.choice(WINDOWS[vendor]),
            "exported_at": moment() + timedelta(days=chance.randint(0, 5), microseconds=number),
            "conversation_id": chance.choice([None, "c1", "c2", "c3", "c4"]),
            "updated_at": chance.choice([None, moment(), moment()]),
            SHOWN[table]: str(number),
        }
        if table == "messages":
            row |= {"message_id": chance.choice([None, "m1", "m2", "m3"])}
        else:
            row |= {"started_at": moment(), "last_activity_at": chance.choice([None, moment()])}
        yield row


@pytest.fixture
def warehouse(postgres):
    """A connection to PostgreSQL with empty tables, whose days are not those of UTC."""
    psycopg2 = pytest.importorskip("psycopg2")
    types = TYPES | {"number": "DOUBLE PRECISION"}
    with closing(psycopg2.connect(postgres.replace("+psycopg2", ""))) as connection:
        with connection.cursor() as cursor:
            cursor.execute("SET TIME ZONE 'America/New_York'")
            for table in TABLES.values():
                columns = ", ".join(f"{column.name} {types[column.kind]}" for column in table.columns)
                cursor.execute(f"CREATE TABLE {table.name} ({columns})")
        yield connection


def fill(connection, rows):
    with connection.cursor() as cursor:
        for table in rows:
            for row in rows[table]:
                names, marks = ", ".join(row), ", ".join(["%s"] * len(row))
                cursor.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", list(row.values()))  # noqa: S608


def selected(cursor, sql):
    cursor.execute(sql)
    return sorted(cursor.fetchall())


def test_the_views_for_redshift_show_what_those_for_duckdb_do(warehouse):
    chance = random.Random(13)
    with warehouse.cursor() as cursor:
        cursor.execute(views_for("redshift"))
    for _ in range(20):
        rows = {table: list(rows_of(chance, table)) for table in SHOWN}
        fill(warehouse, rows)
        with engine_with(rows) as engine, warehouse.cursor() as cursor:
            for table, column in SHOWN.items():
                sql = f"SELECT {column} FROM current_{table}"  # noqa: S608
                found = selected(cursor, sql)
                assert found == sorted(engine.sql(sql).fetchall())
                assert 0 < len(found) < len(rows[table])
            cursor.execute("TRUNCATE conversations, messages")


def test_the_statement_of_the_page_deletes_the_rows_of_one_partition(warehouse):
    (statement,) = re.findall(r"^```sql\n(DELETE .*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    partition = {"vendor": "ada", "scope": "{}", "window_on": "created", "partition_date": date(2026, 11, 19)}
    others = [{**partition, name: value} for name, value in (
        ("vendor", "agentx"), ("scope", '{"a":"b"}'), ("window_on", "updated"),
        ("partition_date", date(2026, 11, 20)),
    )]  # fmt: skip
    fill(warehouse, {"conversations": [partition, partition, *others]})

    with warehouse.cursor() as cursor:
        cursor.execute(statement)
        assert cursor.rowcount == 2
        names = ", ".join(partition)
        left = selected(cursor, f"SELECT {names} FROM conversations")  # noqa: S608
    assert left == sorted(tuple(each.values()) for each in others)
