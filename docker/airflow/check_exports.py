"""Compares what was exported with the simulator's own records: every manifest, every file, every record.

Run it in a container that has Airflow:
docker compose exec airflow-triggerer python /opt/convexport/docker/check_exports.py

Prints one line for each stream and scope; ends with 1 if anything differs. A partition that is replaced while
it is read may look damaged: run it again.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import sys
from collections import Counter
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

from airflow.sdk import ObjectStoragePath

from airflow_provider_convexport.hooks.vendors import stream_of

SIMULATOR = os.environ.get("SIMULATOR", "http://simulator:8600")


def main() -> None:
    """Check all partitions below the Airflow variable ``convexport_root``."""
    root = ObjectStoragePath(os.environ["AIRFLOW_VAR_CONVEXPORT_ROOT"])
    manifests = sorted(root.rglob("_manifest.json"), key=str)
    totals: dict[str, Counter[str]] = {}
    for path in manifests:
        manifest = json.loads(content(path))
        dataset = (manifest["vendor"], manifest["stream"], "by", manifest["window_on"])
        name = " ".join((*dataset, *manifest["scope"].values()))
        totals.setdefault(name, Counter()).update(checked(path.parent, manifest))
    for name, total in totals.items():
        sys.stdout.write(f"{name}: {', '.join(f'{number:,} {what}' for what, number in total.items())}\n")
    if not manifests:
        sys.exit(f"There is no manifest below {root} yet.")
    sys.stdout.write("All partitions hold exactly the simulator's records.\n")


def checked(folder: ObjectStoragePath, manifest: dict[str, Any]) -> dict[str, int]:
    """Return the counts of a partition whose files and records are right; end the program otherwise."""
    lines: list[bytes] = []
    for file in manifest["files"]:
        data = content(folder / file["name"])
        if hashlib.sha256(data).hexdigest() != file["sha256"]:
            sys.exit(f"{folder / file['name']} is not what its manifest says.")
        lines += gzip.decompress(data).splitlines()
    if sorted(lines) != sorted(truth(manifest)):
        sys.exit(f"{folder} does not hold the simulator's records.")
    return {
        "partitions": 1,
        "records": len(lines),
        "bytes": sum(file["bytes"] for file in manifest["files"]),
        "requests": manifest["run"]["requests"],
    }


def content(path: ObjectStoragePath) -> bytes:
    """Return an object's content, by a single request."""
    return bytes(path.fs.cat_file(path.path))


def truth(manifest: dict[str, Any]) -> list[bytes]:
    """Return the records that the simulator has for a partition."""
    field = stream_of(manifest["vendor"], manifest["stream"]).time_fields[manifest["window_on"]]
    query = {**manifest["partition"], "window_on": field}
    if manifest["scope"]:
        (query["scope"],) = manifest["scope"].values()
    url = f"{SIMULATOR}/_simulator/records/{manifest['vendor']}/{manifest['stream']}?{urlencode(query)}"
    with urlopen(url, timeout=60) as answer:  # noqa: S310 - the simulator's own address
        return list(answer.read().splitlines())


if __name__ == "__main__":
    main()
