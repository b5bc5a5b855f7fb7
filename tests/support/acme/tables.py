"""Acme, a vendor that exists in tests only: what its records become in tables."""

from __future__ import annotations

from airflow_provider_convexport.tables.schema import TABLES as SCHEMAS
from airflow_provider_convexport.tables.sources import Mappings, RecordMapping, Source, nothing, one
from airflow_provider_convexport.tables.values import identifier, json_object, text, utc_text


def _mapping(table: str, **sources: Source) -> RecordMapping:
    return RecordMapping({column.name: nothing() for column in SCHEMAS[table].mapped} | sources)


TABLES: Mappings = {
    "conversations": {
        "conversations": _mapping(
            "conversations",
            conversation_id=one("number", identifier),
            started_at=one("opened_at", utc_text),
            updated_at=one("changed_at", utc_text),
            subject=one("subject", text),
            custom=one("fields", json_object),
        )
    },
    "messages": {
        "messages": _mapping(
            "messages",
            message_id=one("uid", identifier),
            sent_at=one("sent_at", utc_text),
            text=one("text", text),
        )
    },
}
