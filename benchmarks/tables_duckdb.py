"""DuckDB's ``read_json`` to Parquet: the same columns of the same records, in SQL.

As the loop it takes the records to be as the vendor documents them. A list that is missing becomes null, and
the text of a JSON member is what DuckDB has read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb

if TYPE_CHECKING:
    from pathlib import Path

ROW_GROUP = 50_000
RESOLVED = "CASE raw->>'$.automated_resolution_classification' WHEN 'Resolved' THEN true WHEN 'Not Resolved' THEN false END"  # fmt: skip # noqa: E501
NAIVE = "(raw->>'$.{0}')::TIMESTAMP AT TIME ZONE 'UTC'"
AGENTX = {
    "conversation_id": "raw->>'$.conversationId'",
    "message_id": "raw->>'$._id'",
    "sent_at": "make_timestamptz(round((raw->>'$.time')::DOUBLE * 1000000)::BIGINT)",
    "updated_at": "NULL::TIMESTAMPTZ",
    "role": "CASE WHEN json_exists(raw, '$.outMsg') THEN 'bot' ELSE 'customer' END",
    "author_id": "NULL::VARCHAR",
    "text": "CASE WHEN json_exists(raw, '$.outMsg') "
    "THEN array_to_string(raw->>'$.outMsg.steps[*].text', chr(10)) "
    "WHEN json_type(raw, '$.userInput') = 'VARCHAR' THEN raw->>'$.userInput' END",
    "kind": "raw->>'$.type'",
    "visibility": "'customer'",
    "options": "CASE WHEN json_exists(raw, '$.outMsg.options') THEN raw->>'$.outMsg.options[*].txt' END",
    "in_reply_to": "NULL::VARCHAR",
    "payload": "CASE WHEN json_exists(raw, '$.outMsg') THEN (raw->'$.outMsg')::VARCHAR "
    "WHEN json_type(raw, '$.userInput') = 'OBJECT' THEN (raw->'$.userInput')::VARCHAR END",
    "raw": "raw::VARCHAR",
}
NAME = "coalesce(raw->>'$.generated_topic_v2_title', raw->>'$.generated_topic_label')"
ADA = {
    "conversation_id": "raw->>'$._id'",
    "started_at": NAIVE.format("date_created"),
    "updated_at": NAIVE.format("date_updated"),
    "last_activity_at": "NULL::TIMESTAMPTZ",
    "ended_at": "NULL::TIMESTAMPTZ",
    "channel": "raw->>'$.platform'",
    "direction": "NULL::VARCHAR",
    "language": "raw->>'$.language'",
    "subject": "NULL::VARCHAR",
    "summary": "raw->>'$.inquiry_summary'",
    "status": "NULL::VARCHAR",
    "resolution": "raw->>'$.automated_resolution_classification'",
    "is_resolved": RESOLVED,
    "is_escalated": "(raw->>'$.is_escalated')::BOOLEAN",
    "is_test": "(raw->>'$.is_test_user')::BOOLEAN",
    "customer_id": "raw->>'$.chatter_id'",
    "agent_ids": "raw->>'$.agent_id[*]'",
    "agent_names": "raw->>'$.agent_name[*]'",
    "tags": "NULL::VARCHAR[]",
    "topics": "CASE WHEN json_array_length(raw, '$.classifications') > 0 THEN "
    "flatten([[json_extract_string(each, '$.topic_name')] || "
    "json_extract_string(each, '$.intents[*].intent_name') "
    f"for each in json_extract(raw, '$.classifications[*]')]) WHEN {NAME} IS NOT NULL "
    f"THEN [{NAME}] ELSE [] END",
    "csat_score": "(raw->>'$.csat.score')::DOUBLE",
    "csat_max": "NULL::DOUBLE",
    "csat_comment": "raw->>'$.csat.comment'",
    "message_count": "NULL::BIGINT",
    "bot_seconds": "(raw->>'$.bot_handle_time')::DOUBLE",
    "agent_seconds": "(raw->>'$.agent_handle_time')::DOUBLE",
    "custom": """'{"metavariables":' || (raw->'$.metavariables') || """
    """',"variables":' || (raw->'$.variables') || '}'""",
    "raw": "raw::VARCHAR",
}
COLUMNS = {"agentx": AGENTX, "ada": ADA}


def make_table(vendor: str, files: list[Path], target: Path, common: tuple[Any, ...]) -> int:
    """Make the table of a partition's files in one Parquet file.

    :param common: The values of the first columns, which are the same in all rows.
    :returns: The number of rows.
    """
    columns = ", ".join(f"{text} AS {name}" for name, text in COLUMNS[vendor].items())
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET preserve_insertion_order = true")
        done = connection.execute(
            "COPY (SELECT $1 AS vendor, $2 AS scope, $3::DATE AS partition_date, $4 AS window_on, "
            f"$5::TIMESTAMPTZ AS exported_at, {columns} FROM read_json($6, records = 'false', "
            "columns = {raw: 'JSON'}, format = 'newline_delimited', maximum_object_size = 16777216)) "
            f"TO '{target}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP})",
            [*common, [str(path) for path in files]],
        ).fetchone()
    assert done is not None
    return int(done[0])


def make_inferred(files: list[Path], target: Path) -> int:
    """Write what DuckDB infers of the files: columns that are the records' own members, without ``raw``."""
    with duckdb.connect() as connection:
        done = connection.execute(
            "COPY (FROM read_json($1, format = 'newline_delimited')) "
            f"TO '{target}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP})",
            [[str(path) for path in files]],
        ).fetchone()
    assert done is not None
    return int(done[0])
