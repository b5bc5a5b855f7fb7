"""What lies in the object store, and what should: the simulator's own records."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import requests

from dev.cluster.servers import BUCKET, s3_client

if TYPE_CHECKING:
    from dev.cluster.cluster import Cluster

DAY = timedelta(days=1)


def objects(stack: Cluster, prefix: str) -> dict[str, bytes]:
    """Return every object below a prefix by the rest of its name."""
    client = s3_client(stack.settings)
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
    keys = [entry["Key"] for page in pages for entry in page.get("Contents", ())]

    def content(key: str) -> bytes:
        return client.get_object(Bucket=BUCKET, Key=key)["Body"].read()

    with ThreadPoolExecutor(8) as pool:
        return {
            key.removeprefix(prefix): body for key, body in zip(keys, pool.map(content, keys), strict=True)
        }


def partitions(found: dict[str, bytes]) -> dict[str, list[bytes]]:
    """Return the records of every partition, sorted; checks all manifests, and that nothing else is there."""
    lines: dict[str, list[bytes]] = defaultdict(list)
    named = set()
    for name, content in found.items():
        folder, _, file = name.rpartition("/")
        if file != "_manifest.json":
            continue
        manifest = json.loads(content)
        named.add(name)
        for entry in manifest["files"]:
            packed = found[f"{folder}/{entry['name']}"]
            text = gzip.decompress(packed)
            assert hashlib.sha256(packed).hexdigest() == entry["sha256"]
            assert (len(packed), len(text)) == (entry["bytes"], entry["uncompressed_bytes"])
            assert text.count(b"\n") == entry["records"]
            lines[folder].extend(text.split(b"\n")[:-1])
            named.add(f"{folder}/{entry['name']}")
        assert manifest["records"] == len(lines[folder])
        lines[folder].sort()
    assert set(found) == named, "objects that no manifest names"
    return dict(lines)


def truth(
    stack: Cluster, vendor: str, stream: str, start: datetime, end: datetime, *, folder: str = ""
) -> dict[str, list[bytes]]:
    """Return the simulator's own records by partition of a day, in the same form."""
    expected = {}
    while start < end:
        expected[f"{folder}dt={start:%Y-%m-%d}"] = sorted(records(stack, vendor, stream, start, start + DAY))
        start += DAY
    return expected


def records(stack: Cluster, vendor: str, stream: str, start: datetime, end: datetime) -> list[bytes]:
    """Return the simulator's own records of an interval."""
    answer = requests.get(
        f"{stack.settings.url('simulator')}/_simulator/records/{vendor}/{stream}",
        params={"start": start.isoformat(), "end": end.isoformat()},
        timeout=60,
    )
    answer.raise_for_status()
    return answer.content.split(b"\n")[:-1]
