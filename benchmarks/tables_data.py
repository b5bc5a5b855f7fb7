"""Makes up the raw partitions that tables are made of: one partition, as an export publishes it.

The records have the members that the vendors document, and only JSON that every decoder takes, so that all
programs of the comparison can read them. The same number gives the same record.
"""

from __future__ import annotations

import hashlib
import json
import random
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec
from isal import igzip

from airflow_provider_convexport.export.dataset.manifest import MANIFEST, FileEntry
from tests.support.tables import disk, put_raw

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

START = datetime(2026, 4, 1, tzinfo=UTC)
FOLDER = f"dt={START:%Y-%m-%d}"
STREAMS = {"agentx": "messages", "ada": "conversations"}
WINDOW_ON = {"agentx": "time", "ada": "created"}
_PER_FILE = 250_000
"""Records of a file; an export closes its files at 128 MiB of compressed data."""


def agentx_message(number: int, rng: random.Random) -> dict[str, Any]:
    """Return one of a conversation's messages, by turns from the bot and from the customer."""
    common = {
        "conversationId": f"{number // 8 * 2654435761 % 2**48:012x}4b0b8c0c{number // 8:012x}",
        "_id": f"{number * 2654435761 % 2**48:012x}5c1c9d1d{number:012x}",
        "time": START.timestamp() + number % 86_400 + number % 1000 / 1000,
    }
    if number % 2:
        if number % 64 == 1:
            written: Any = {"form": {"email": f"user{number}@example.com", "order": f"{number % 9999}"}}
        else:
            written = words(rng, 12)
        return {**common, "type": "UserInput", "userInput": written, "userActionType": "action_userInput"}
    out: dict[str, Any] = {"steps": [{"text": words(rng, 20)} for _ in range(1 + number % 4 // 2)]}
    if number % 3 == 0:
        out["options"] = [{"txt": "Track"}, {"txt": "Return"}, {"txt": "Something else"}]
    return {"type": ("Question", "BotMessage", "faq")[number % 3], **common, "outMsg": out}


def ada_conversation(number: int, rng: random.Random) -> dict[str, Any]:
    """Return a conversation with all documented members, and as many variables as make it about 6 KB long."""
    at = START + timedelta(seconds=number % 86_400)
    topic = {"topic_id": f"t{number % 40}", "topic_name": f"Topic {number % 40}"}
    intents = [{"intent_id": f"i{number % 90}", "intent_name": f"Intent {number % 90}", "status": "active"}]
    is_rated, is_known = number % 4 == 0, number % 3 == 0
    survey = {"style": "EMOJI", "survey_type": "end_chat", "score": number % 5 + 1, "comment": words(rng, 8)}
    return {
        "_id": f"{number * 2654435761 % 2**64:016x}{number:08x}",
        "agent_id": [f"{number % 70:024x}"] if number % 4 == 1 else [],
        "agent_name": [f"Agent Ñ{number % 70}"] if number % 4 == 1 else [],
        "agent_handle_time": 31.25 if number % 4 == 1 else None,
        "automated_resolution_classification": ("Resolved", "Not Resolved")[number % 2],
        "automated_resolution_classification_reason": words(rng, 60),
        "bot_handle_time": 12.5 + number % 300,
        "browser": "firefox",
        "browser_version": "130.0",
        "chatter_id": f"66b0c0ffee{number % 30_000:014x}",
        "csat": survey if is_rated else {},
        "date_created": f"{at:%Y-%m-%dT%H:%M:%S}",
        "date_updated": f"{at + timedelta(minutes=9):%Y-%m-%dT%H:%M:%S}",
        "device": "linux",
        "end_user_id": f"user-{number}",
        "inquiry_summary": words(rng, 40),
        "is_engaged": number % 2 == 0,
        "is_escalated": number % 4 == 1,
        "is_test_user": number % 7 == 0,
        "language": ("en", "de", "ja")[number % 3],
        "metavariables": {f"meta_{each}": words(rng, 5) for each in range(20)} | {"test_user": number},
        "platform": "chat",
        "record_last_updated": {} if number % 2 else f"{at:%Y-%m-%dT%H:%M:%S}.123456+00:00",
        "variables": {f"variable_{each}": words(rng, 10) for each in range(36)},
        "classifications": [{**topic, "intents": intents}] if is_known else [],
        "generated_topic_label": None,
        "generated_topic_v2_title": None if is_known else f"Topic {number % 40}",
        "generated_topic_v2_desc": words(rng, 20),
        "used_articles": [{"id": "a1", "name": words(rng, 4), "url": "https://help.example.com/1"}],
        "used_playbooks": [],
    }


_RECORDS: dict[str, Callable[[int, random.Random], dict[str, Any]]] = {
    "agentx": agentx_message,
    "ada": ada_conversation,
}


def words(rng: random.Random, count: int) -> str:
    """Return a text of so many words."""
    known = _words()
    first = rng.randrange(len(known) - count)
    return " ".join(known[first : first + count])


@cache
def _words() -> list[str]:
    rng = random.Random(13)
    lexicon = ["".join(rng.choices("etaoinshrdlu", k=rng.randint(2, 9))) for _ in range(5_000)]
    return [*rng.choices(lexicon, k=250_000), "naïve", "“quoted”", "日本語"]


def publish(vendor: str, count: int, folder: Path) -> None:
    """Publish a raw partition of so many records of a vendor under a folder of the local disk."""
    store = disk(folder)
    manifest = put_raw(
        store,
        (),
        day=START,
        vendor=vendor,
        stream=STREAMS[vendor],
        window_on=WINDOW_ON[vendor],
        scope={},
        files=0,
    )
    rng = random.Random(count)
    encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
    entries = []
    for number, first in enumerate(range(0, count, _PER_FILE)):
        name = f"part-{manifest.commit}-{number:05d}.jsonl.gz"
        path = folder / FOLDER / name
        last = min(first + _PER_FILE, count)
        size = 0
        with igzip.open(path, "wb", compresslevel=2) as file:
            for each in range(first, last):
                size += file.write(encoder.encode(_RECORDS[vendor](each, rng)).encode() + b"\n")
        with path.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        entries.append(FileEntry(name, last - first, path.stat().st_size, size, digest))
    manifest = msgspec.structs.replace(manifest, files=entries, records=count)
    store.put(f"{FOLDER}/{MANIFEST}", manifest.encode())
