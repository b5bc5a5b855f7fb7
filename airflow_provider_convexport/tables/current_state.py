"""SQL views over both tables that show each conversation and each message once, as it is now.

A conversation has a row in the partition of the day on which it was created, and one in each partition of an
export by a time that moves, such as ``updated``. Rows never say that they are outdated, and a record that the
vendor has deleted only disappears from its partition. So the views decide:

* **Newest version** of an id of a vendor and a scope: the latest ``updated_at``, then the latest
  ``last_activity_at`` (of conversations), then the latest ``exported_at``. A row that lacks a time loses
  against one that has it: vendors leave the time of change empty until there is one. If all are equal, the
  later ``partition_date`` wins, then the ``window_on`` that comes first in the alphabet.
* **Deleted conversations** are left out: those that no export by creation holds, if there are rows of such an
  export for the UTC day on which the conversation began, from a later version than the conversation's own.
  Without such rows it stays: that day was not exported, or not since.
* **Messages that are inline** in conversations are those of the newest version of their conversation, because
  an older version may have messages that are gone. All others are the newest of their id.

Rows without an id stay, since nothing tells whether they are versions of each other.

The statements are the same for all engines but for a few expressions, so that what is tested with one engine
holds for the others.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.tables.schema import CONVERSATIONS, MESSAGES

if TYPE_CHECKING:
    from collections.abc import Collection

    from airflow_provider_convexport.tables.schema import Table


@dataclass(frozen=True, slots=True)
class _Engine:
    """What an engine writes in its own way.

    :param utc_day: The UTC day of a time, as a format of Python.
    :param quote: What names of columns are put into, where some of them are reserved words.
    """

    utc_day: str
    quote: str = ""


ENGINES: Final = {
    "duckdb": _Engine("CAST({} AT TIME ZONE 'UTC' AS DATE)"),
    "bigquery": _Engine("DATE({}, 'UTC')"),
    "redshift": _Engine("CAST({} AT TIME ZONE 'UTC' AS DATE)", quote='"'),
    "snowflake": _Engine("CAST(CONVERT_TIMEZONE('UTC', {}) AS DATE)"),
    "spark": _Engine("TO_DATE(TO_UTC_TIMESTAMP({}, CURRENT_TIMEZONE()))"),
    "trino": _Engine("CAST({} AS DATE)"),
}
"""Engines by name. Trino's times are UTC already, with or without a zone, so Athena takes them, too."""

_VIEWS: Final = """\
CREATE OR REPLACE VIEW {schema}current_conversations AS
WITH ranked AS (
  SELECT
    *,
    ROW_NUMBER() OVER (
      PARTITION BY vendor, scope, conversation_id
      ORDER BY updated_at DESC NULLS LAST, last_activity_at DESC NULLS LAST, exported_at DESC,
        partition_date DESC, window_on
    ) AS version_rank,
    MAX(CASE WHEN window_on IN ({changes}) THEN 0 ELSE 1 END) OVER (
      PARTITION BY vendor, scope, conversation_id
    ) AS in_creation
  FROM {schema}conversations
),
creation_days AS (
  SELECT vendor, scope, partition_date, MAX(exported_at) AS last_exported_at
  FROM {schema}conversations
  WHERE window_on NOT IN ({changes})
  GROUP BY vendor, scope, partition_date
)
SELECT
  {conversation_columns}
FROM ranked r
LEFT JOIN creation_days d
  ON d.vendor = r.vendor AND d.scope = r.scope AND d.partition_date = {started_on}
WHERE r.conversation_id IS NULL
  OR (
    r.version_rank = 1
    AND (r.in_creation = 1 OR d.last_exported_at IS NULL OR d.last_exported_at <= r.exported_at)
  );

CREATE OR REPLACE VIEW {schema}current_messages AS
WITH known AS (
  SELECT DISTINCT vendor, scope, conversation_id
  FROM {schema}conversations
  WHERE vendor IN ({inline})
),
present AS (
  SELECT m.*
  FROM {schema}messages m
  LEFT JOIN known k
    ON k.vendor = m.vendor AND k.scope = m.scope AND k.conversation_id = m.conversation_id
  LEFT JOIN {schema}current_conversations c
    ON c.vendor = m.vendor AND c.scope = m.scope AND c.conversation_id = m.conversation_id
    AND c.window_on = m.window_on AND c.partition_date = m.partition_date
  WHERE k.conversation_id IS NULL OR c.conversation_id IS NOT NULL
),
ranked AS (
  SELECT
    *,
    ROW_NUMBER() OVER (
      PARTITION BY vendor, scope, message_id
      ORDER BY updated_at DESC NULLS LAST, exported_at DESC, partition_date DESC, window_on, conversation_id
    ) AS version_rank
  FROM present
)
SELECT
  {message_columns}
FROM ranked r
WHERE r.message_id IS NULL OR r.version_rank = 1;
"""


def current_state(
    engine: str,
    *,
    changes: Collection[str],
    inline: Collection[str],
    schema: str = "",
    include_raw: bool = True,
) -> str:
    """Return the statements that create the views ``current_conversations`` and ``current_messages``.

    They read tables named ``conversations`` and ``messages``.

    :param engine: One of `ENGINES`.
    :param changes: The values of ``window_on`` that select records by a time that moves.
    :param inline: The vendors whose messages are inline in conversations.
    :param schema: Schema, dataset or database of tables and views, as the engine writes it; its default if
        empty.
    :param include_raw: Whether the tables have the column ``raw``; the views then have it, too.
    :raises ConfigurationError: if there is no such engine; the message lists the existing ones.
    """
    if engine not in ENGINES:
        raise ConfigurationError(f"engine={engine!r} does not exist; use one of {sorted(ENGINES)}.")
    chosen = ENGINES[engine]
    return _VIEWS.format(
        schema=f"{schema}." if schema else "",
        changes=_literals(changes),
        inline=_literals(inline),
        started_on=chosen.utc_day.format("r.started_at"),
        conversation_columns=_columns(CONVERSATIONS, chosen, include_raw=include_raw),
        message_columns=_columns(MESSAGES, chosen, include_raw=include_raw),
    )


def _literals(texts: Collection[str]) -> str:
    """Return a list of literals for ``IN``, which must not be empty."""
    return ", ".join("'" + text.replace("'", "''") + "'" for text in sorted(texts)) or "''"


def _columns(table: Table, engine: _Engine, *, include_raw: bool) -> str:
    columns = table.columns if include_raw else table.columns[:-1]
    names = ", ".join(f"r.{engine.quote}{column.name}{engine.quote}" for column in columns)
    return "\n  ".join(textwrap.wrap(names, 100))
