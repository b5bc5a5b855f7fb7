"""The shortest loop of msgspec and pyarrow that makes the same columns of the same records.

What an engineer would write for records that are known to be as the vendor documents them: no record of an
unexpected shape, no run that is killed, no new version of the records while they are read, no manifest.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from isal import igzip

from airflow_provider_convexport.tables.schema import TABLES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ROW_GROUP = 50_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Text(msgspec.Struct):
    text: str | None = None


class Option(msgspec.Struct):
    txt: str | None = None


class OutMessage(msgspec.Struct):
    steps: list[Text] | None = None
    options: list[Option] | None = None


class Message(msgspec.Struct):
    id: str = msgspec.field(name="_id")
    conversation: str = msgspec.field(name="conversationId")
    time: float
    type: str | None = None
    out: msgspec.Raw = msgspec.field(name="outMsg", default=msgspec.Raw(b""))
    written: str | dict[str, Any] | None = msgspec.field(name="userInput", default=None)


def agentx_messages() -> Callable[[bytes], tuple[Any, ...]]:
    message_of, out_of = msgspec.json.Decoder(Message), msgspec.json.Decoder(OutMessage)

    def row(line: bytes) -> tuple[Any, ...]:
        message = message_of.decode(line)
        text = options = payload = None
        if message.out:
            out = out_of.decode(message.out)
            text = "\n".join([step.text for step in out.steps or () if step.text is not None])
            options = None if out.options is None else [each.txt for each in out.options]
            payload = str(message.out, "utf-8")
        elif isinstance(message.written, str):
            text = message.written
        else:
            payload = msgspec.json.encode(message.written).decode()
        return (
            message.conversation,
            message.id,
            round(message.time * 1_000_000),
            None,
            "bot" if message.out else "customer",
            None,
            text,
            message.type,
            "customer",
            options,
            None,
            payload,
            line.decode(),
        )

    return row


class Intent(msgspec.Struct):
    intent_name: str | None = None


class Topic(msgspec.Struct):
    topic_name: str | None = None
    intents: list[Intent] = []


class Survey(msgspec.Struct):
    score: float | None = None
    comment: str | None = None


class Conversation(msgspec.Struct):
    id: str = msgspec.field(name="_id")
    date_created: datetime
    date_updated: datetime | None = None
    platform: str | None = None
    language: str | None = None
    inquiry_summary: str | None = None
    automated_resolution_classification: str | None = None
    is_escalated: bool | None = None
    is_test_user: bool | None = None
    chatter_id: str | None = None
    agent_id: list[str] | None = None
    agent_name: list[str] | None = None
    classifications: list[Topic] = []
    generated_topic_v2_title: str | None = None
    generated_topic_label: str | None = None
    csat: Survey | None = None
    bot_handle_time: float | None = None
    agent_handle_time: float | None = None
    metavariables: msgspec.Raw = msgspec.Raw(b"null")
    variables: msgspec.Raw = msgspec.Raw(b"null")


RESOLVED = {"Resolved": True, "Not Resolved": False}


def ada_conversations() -> Callable[[bytes], tuple[Any, ...]]:
    conversation_of = msgspec.json.Decoder(Conversation)

    def row(line: bytes) -> tuple[Any, ...]:
        each = conversation_of.decode(line)
        topics = []
        for topic in each.classifications:
            topics += [topic.topic_name, *(intent.intent_name for intent in topic.intents)]
        if not topics and (name := each.generated_topic_v2_title or each.generated_topic_label):
            topics = [name]
        metavariables, variables = str(each.metavariables, "utf-8"), str(each.variables, "utf-8")
        return (
            each.id,
            each.date_created,
            each.date_updated,
            None,
            None,
            each.platform,
            None,
            each.language,
            None,
            each.inquiry_summary,
            None,
            each.automated_resolution_classification,
            RESOLVED.get(each.automated_resolution_classification or ""),
            each.is_escalated,
            each.is_test_user,
            each.chatter_id,
            each.agent_id,
            each.agent_name,
            None,
            topics,
            each.csat.score if each.csat else None,
            None,
            each.csat.comment if each.csat else None,
            None,
            each.bot_handle_time,
            each.agent_handle_time,
            f'{{"metavariables":{metavariables},"variables":{variables}}}',
            line.decode(),
        )

    return row


ROWS = {"agentx": ("messages", agentx_messages), "ada": ("conversations", ada_conversations)}


def lines_of(files: list[Path]) -> Iterator[bytes]:
    for path in files:
        with igzip.open(path, "rb") as file:
            for line in file:
                yield line.rstrip(b"\n")


def make_table(vendor: str, files: list[Path], target: Path, common: tuple[Any, ...]) -> int:
    """Make the table of a partition's files in one Parquet file.

    :param common: The values of the first columns, which are the same in all rows.
    :returns: The number of rows.
    """
    table, rows_of = ROWS[vendor]
    schema = TABLES[table].arrow()
    row = rows_of()
    count, rows = 0, []
    with pq.ParquetWriter(target, schema, compression="zstd") as writer:

        def write() -> None:
            columns = [
                pa.repeat(pa.scalar(value, field.type), len(rows))
                for value, field in zip(common, schema, strict=False)
            ]
            columns += [
                pa.array(values, field.type)
                for values, field in zip(zip(*rows, strict=True), list(schema)[len(common) :], strict=True)
            ]
            writer.write_table(pa.table(columns, schema=schema))

        for line in lines_of(files):
            rows.append(row(line))
            if len(rows) == ROW_GROUP:
                write()
                count += len(rows)
                rows = []
        if rows:
            write()
            count += len(rows)
    return count
