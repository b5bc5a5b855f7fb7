"""What lies in the object store, and what should: the simulator's own records."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

import requests

from dev.cluster.servers import BUCKET, s3_client
from tests.support import published
from tests.support.published import Objects, assert_tidy, by_day

if TYPE_CHECKING:
    from dev.cluster.cluster import Cluster


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
    where = Objects(found, found.get)
    assert_tidy(where)
    return published.partitions(where)


def truth(
    stack: Cluster, vendor: str, stream: str, start: datetime, end: datetime, *, folder: str = ""
) -> dict[str, list[bytes]]:
    """Return the simulator's own records by partition of a day, in the same form."""
    return by_day(partial(records, stack, vendor, stream), start, end, folder=folder)


def records(stack: Cluster, vendor: str, stream: str, start: datetime, end: datetime) -> list[bytes]:
    """Return the simulator's own records of an interval."""
    answer = requests.get(
        f"{stack.settings.url('simulator')}/_simulator/records/{vendor}/{stream}",
        params={"start": start.isoformat(), "end": end.isoformat()},
        timeout=60,
    )
    answer.raise_for_status()
    return answer.content.split(b"\n")[:-1]
