"""What every peer is asked to do, and how its cost is measured: one export in a process of its own."""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import time
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

KEYS = {"agentx": "agentx-simulated-key", "ada": "ada-simulated-key"}
BOT = "support-bot"


@dataclass(frozen=True, kw_only=True)
class Job:
    """One export: all conversations that began within ``[start, end)``.

    :param vendor: ``agentx`` or ``ada``.
    :param url: Where the vendor's API is.
    :param start: First instant, UTC.
    :param end: First instant after the interval, UTC.
    :param folder: Folder for everything that the tool writes; what it delivers goes into ``out``.
    :param format: ``jsonl`` or ``parquet``.
    """

    vendor: str
    url: str
    start: datetime
    end: datetime
    folder: Path
    format: str = "jsonl"

    @property
    def key(self) -> str:
        """The vendor's API key."""
        return KEYS[self.vendor]

    @property
    def out(self) -> Path:
        """The folder for what is delivered."""
        return self.folder / "out"

    @property
    def endpoint(self) -> str:
        """The path of the endpoint."""
        return {"agentx": "/conversations/export/v1/conversations", "ada": "/api/v2/export/conversations"}[
            self.vendor
        ]

    @property
    def params(self) -> dict[str, str]:
        """The parameters of the first request: the whole interval, in the largest pages."""
        if self.vendor == "agentx":
            start, end = (str(int(moment.timestamp())) for moment in (self.start, self.end))
            return {"start_time": start, "end_time": end, "bot_name": BOT, "per_page": "1000"}
        start, end = (moment.strftime("%Y-%m-%dT%H:%M:%SZ") for moment in (self.start, self.end))
        return {"created_since": start, "created_to": end, "page_size": "10000"}


def measure(export: Callable[[Job], None], *, packages: tuple[str, ...]) -> None:
    """Run the export that the command line describes; print its cost as the last line.

    CPU time and written bytes include those of child processes that have ended; the peak is that of the
    largest process, in MiB.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--vendor", choices=KEYS, required=True)
    parser.add_argument("--url", required=True)
    parser.add_argument("--start", type=datetime.fromisoformat, required=True)
    parser.add_argument("--end", type=datetime.fromisoformat, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--format", choices=("jsonl", "parquet"), default="jsonl")
    job = Job(**vars(parser.parse_args()))
    job.out.mkdir(parents=True)
    cpu, wall, written = _cpu(), time.monotonic(), _written()
    export(job)
    cost = {"cpu": _cpu() - cpu, "wall": time.monotonic() - wall, "written": _written() - written}
    cost["peak"] = _peak()
    versions = {"Python": platform.python_version(), **{name: version(name) for name in packages}}
    print(json.dumps({"cost": cost, "versions": versions}))


def _cpu() -> float:
    """Return the seconds of CPU that this process and its ended children have used."""
    return sum(os.times()[:4])


def _written() -> int:
    """Return the bytes that were written to files and pipes, temporary files among them; 0 without /proc."""
    return int(_proc("io").get("wchar", 0))


def _peak() -> float:
    """Return the peak memory of the largest process, in MiB.

    ``getrusage`` counts as the process's own what its parent held when this program was started; /proc does
    not.
    """
    itself = _proc("status").get("VmHWM")
    kilobytes = int(itself.split()[0]) if itself else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return max(kilobytes, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) / 1024


def _proc(name: str) -> dict[str, str]:
    """Return what Linux tells about this process; nothing elsewhere."""
    path = Path("/proc/self") / name
    lines = path.read_text().splitlines() if path.exists() else []
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}
