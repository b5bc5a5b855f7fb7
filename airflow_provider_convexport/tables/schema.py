"""The two tables that records of all vendors become: their columns, the type and the meaning of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from airflow_provider_convexport.errors import ConfigurationError

if TYPE_CHECKING:
    from types import ModuleType

    import pyarrow as pa

Kind = Literal["string", "timestamp", "date", "boolean", "integer", "number", "strings", "json"]

SCHEMA_VERSION: Final = 1
"""Version of both tables; it grows when a column is added or a mapping gives other values, so that partitions
are made again. No column is ever renamed or removed."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table; every column may be null.

    :param name: The column's name.
    :param kind: What its values are: ``"timestamp"`` in UTC with microseconds, ``"strings"`` a list of text,
        ``"json"`` the text of a JSON value.
    :param meaning: One line that says what a value means.
    """

    name: str
    kind: Kind
    meaning: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table.

    :param name: The table's name.
    :param columns: Its columns in order: `COMMON` first, ``raw`` last.
    """

    name: str
    columns: tuple[Column, ...]

    @property
    def mapped(self) -> tuple[Column, ...]:
        """The columns that a vendor's mapping fills: all between `COMMON` and ``raw``."""
        return self.columns[len(COMMON) : -1]

    def arrow(self, *, include_raw: bool = True) -> pa.Schema:
        """Return the table's Arrow schema.

        :param include_raw: Whether it has the column ``raw``.
        :raises ConfigurationError: if pyarrow is not installed.
        """
        try:
            import pyarrow as pa
        except ModuleNotFoundError as error:
            raise ConfigurationError(
                "Tables need pyarrow; install airflow-provider-convexport[parquet] or [iceberg]."
            ) from error
        types = _arrow_types(pa)
        columns = self.columns if include_raw else self.columns[:-1]
        return pa.schema([pa.field(column.name, types[column.kind]) for column in columns])


def _arrow_types(pa: ModuleType) -> dict[Kind, pa.DataType]:
    text = pa.string()
    return {
        "string": text,
        "timestamp": pa.timestamp("us", tz="UTC"),
        "date": pa.date32(),
        "boolean": pa.bool_(),
        "integer": pa.int64(),
        "number": pa.float64(),
        "strings": pa.list_(text),
        "json": text,
    }


COMMON: Final = (
    Column("vendor", "string", "Machine name of the vendor."),
    Column("scope", "string", "Shop or bot of the export, as the text of a JSON object with sorted keys."),
    Column(
        "partition_date",
        "date",
        "Day on which the raw partition begins, in the zone of its days; not the record's own day.",
    ),
    Column("window_on", "string", "Field by which the raw export selected its records."),
    Column("exported_at", "timestamp", "When the raw partition's version was published."),
)
"""Columns at the front of both tables; they come from the raw partition, not from its records."""

_RAW: Final = Column("raw", "json", "The whole record, byte for byte as the vendor sent it.")

CONVERSATIONS: Final = Table(
    "conversations",
    (
        *COMMON,
        Column("conversation_id", "string", "The vendor's id of the conversation; unique within its scope."),
        Column("started_at", "timestamp", "When the conversation began."),
        Column("updated_at", "timestamp", "When the vendor last changed the record."),
        Column("last_activity_at", "timestamp", "When somebody last wrote or did something in it."),
        Column("ended_at", "timestamp", "When it was closed or resolved."),
        Column("channel", "string", "Way of contact, in the vendor's words: `web_chat`, `email`."),
        Column("direction", "string", "Who began it, in the vendor's words: `inbound`, `outbound`."),
        Column("language", "string", "Language, as the vendor writes it: `en`, `en_us`."),
        Column("subject", "string", "Title or topic line of the conversation."),
        Column("summary", "string", "Summary that the vendor made."),
        Column("status", "string", "State of handling, in the vendor's words."),
        Column("resolution", "string", "Outcome, in the vendor's words."),
        Column(
            "is_resolved", "boolean", "Whether the vendor says that it was resolved; null if it does not say."
        ),
        Column(
            "is_escalated",
            "boolean",
            "Whether it was handed over to a person; null if the vendor does not say.",
        ),
        Column(
            "is_test", "boolean", "Whether it is a test and not a customer; null if the vendor does not say."
        ),
        Column("customer_id", "string", "The vendor's id of the customer."),
        Column("agent_ids", "strings", "Ids of the agents who took part."),
        Column("agent_names", "strings", "Names of the agents, in the order of `agent_ids`."),
        Column("tags", "strings", "Tags."),
        Column("topics", "strings", "Names of topics and intents, from the general to the special."),
        Column("csat_score", "number", "The customer's rating."),
        Column("csat_max", "number", "Highest rating that the survey allows."),
        Column("csat_comment", "string", "What the customer wrote beside the rating."),
        Column("message_count", "integer", "Number of messages."),
        Column("bot_seconds", "number", "Seconds for which the bot handled it."),
        Column("agent_seconds", "number", "Seconds for which people handled it."),
        Column("custom", "json", "Values that the vendor's user has defined, as a JSON object."),
        _RAW,
    ),
)

MESSAGES: Final = Table(
    "messages",
    (
        *COMMON,
        Column("conversation_id", "string", "The vendor's id of the conversation."),
        Column("message_id", "string", "The vendor's id of the message; unique within its scope."),
        Column("sent_at", "timestamp", "When it was sent."),
        Column("updated_at", "timestamp", "When the vendor last changed the record."),
        Column("role", "string", "Who speaks: `customer`, `bot`, `agent`, `system` or `unknown`."),
        Column("author_id", "string", "The vendor's id of who speaks."),
        Column("text", "string", "What was said."),
        Column("kind", "string", "Kind of message, in the vendor's words: `text`, `picture`, `Question`."),
        Column("visibility", "string", "Who can see it: `customer` or, for colleagues only, `internal`."),
        Column("options", "strings", "Answers that the customer is offered to choose from."),
        Column("in_reply_to", "string", "Id of the message that this one answers."),
        Column("payload", "json", "What the message holds beside its text, as a JSON value."),
        _RAW,
    ),
)

TABLES: Final = {table.name: table for table in (CONVERSATIONS, MESSAGES)}
"""Both tables by name."""
