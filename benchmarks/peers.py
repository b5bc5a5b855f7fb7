"""Compares this package with dlt, the Airbyte CDK and an operator written by hand.

Run ``make benchmark-peers``. The same conversations of AgentX and of Ada, 30 days of them, are exported by
each tool from one local server, each time in a fresh process and into an empty folder on the local disk. The
tools take turns, because other load on the machine varies; the tables show medians. After each export its
ids are read back: all tools must have delivered the same conversations. Progress goes to standard error.

dlt and the Airbyte CDK run in an environment of their own, because the CDK and this package need different
versions of pyrate-limiter. The code for each tool is in ``benchmarks/peers/``.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

Rows = dict[str, list[dict[str, Any]]]
"""What the rounds of each tool cost."""

HERE = Path(__file__).parent / "peers"
VENDORS = ("agentx", "ada")
DAYS = 30
WARMING = ("this package", "by hand")
"""Tools that run once more at the beginning, so that the server knows all responses.

dlt and the Airbyte CDK send the same requests as the loop by hand.
"""
MARGIN_DAYS = 3
"""Days between the interval and the present, and between the oldest conversation and the interval."""


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A tool to compare.

    :param script: Its script in ``benchmarks/peers/``.
    :param python: The interpreter of its environment.
    :param files: Pattern of the files with records, within the folder that it delivers.
    :param format: What it delivers: ``jsonl`` or ``parquet``.
    :param identity: Column of Parquet files that holds the id.
    """

    script: str
    python: str
    files: str
    format: str = "jsonl"
    identity: str = ""


class Line(msgspec.Struct):
    """A line of a file: a record, or a message with one."""

    id: str | None = msgspec.field(name="_id", default=None)
    record: dict[str, msgspec.Raw] | None = None


def tools(peers_python: str) -> dict[str, Tool]:
    """Return the tools in the order of the tables."""
    return {
        "this package": Tool(script="ours.py", python=sys.executable, files="**/part-*.jsonl.gz"),
        "by hand": Tool(script="plain.py", python=sys.executable, files="*.jsonl"),
        "dlt": Tool(script="dlt_source.py", python=peers_python, files="**/conversations/*.jsonl*"),
        "Airbyte CDK": Tool(script="airbyte_source.py", python=peers_python, files="*.jsonl"),
    }


def table_tools(peers_python: str) -> dict[str, Tool]:
    """Return the tools that deliver Parquet files."""
    return {
        "this package": Tool(
            script="ours.py", python=sys.executable, files="conversations/**/part-*.parquet",
            format="parquet", identity="conversation_id",
        ),
        "dlt": Tool(
            script="dlt_source.py", python=peers_python, files="**/conversations/*.parquet",
            format="parquet", identity="_id",
        ),
    }  # fmt: skip


@contextmanager
def server(records: int) -> Iterator[str]:
    """Run the server; yield its URL."""
    days = DAYS + 2 * MARGIN_DAYS
    command = [
        sys.executable, str(HERE / "server.py"),
        "--records", str(records * days // DAYS), "--days", str(days),
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def run(tool: Tool, vendor: str, url: str, end: datetime) -> dict[str, Any]:
    """Export once; return the cost, the versions, and what was delivered.

    :raises RuntimeError: The tool failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [
            tool.python, str(HERE / tool.script), "--vendor", vendor, "--url", url,
            "--folder", f"{folder}/export", "--format", tool.format,
            "--start", (end - timedelta(days=DAYS)).isoformat(), "--end", end.isoformat(),
        ]  # fmt: skip
        result, wall = spawn(command, folder)
        delivered = Path(folder) / "export" / "out"
        counts = Counter(ids(delivered, tool))
        return {
            "versions": result["versions"],
            **result["cost"],
            "written": result["cost"]["written"] / 2**20,
            "start": wall - result["cost"]["wall"],
            "out": sum(path.stat().st_size for path in delivered.rglob("*") if path.is_file()) / 2**20,
            "records": len(counts),
            "repeated": counts.total() - len(counts),
            "ids": hash(frozenset(counts)),
        }


def spawn(command: list[str], folder: str) -> tuple[dict[str, Any], float]:
    """Run a command; return the costs that it printed, and its wall time in seconds.

    :raises RuntimeError: It failed.
    """
    environment = {
        **os.environ,
        "AIRFLOW_HOME": f"{folder}/airflow",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        "PYTHONDONTWRITEBYTECODE": "",  # modules are compiled once, not for each process
    }
    started = time.monotonic()
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, env=environment
    )
    wall = time.monotonic() - started
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-4000:]}")
    line = next(line for line in reversed(done.stdout.splitlines()) if line.startswith('{"cost"'))
    return json.loads(line), wall


def ids(folder: Path, tool: Tool) -> Iterator[str]:
    """Yield the id of each delivered record."""
    line_of, data_of = msgspec.json.Decoder(Line), msgspec.json.Decoder(Line)
    for path in sorted(folder.glob(tool.files)):
        if tool.format == "parquet":
            yield from read_column(path, tool.identity)
            continue
        with gzip.open(path) if is_gzip(path) else path.open("rb") as file:
            for text in file:
                line = line_of.decode(text)
                if line.record is not None:
                    line = data_of.decode(line.record["data"])
                if line.id is not None:
                    yield line.id


def read_column(path: Path, name: str) -> list[str]:
    """Return a column of a Parquet file."""
    import pyarrow.parquet as pq

    column: list[str] = pq.ParquetFile(path).read([name]).column(name).to_pylist()
    return column


def is_gzip(path: Path) -> bool:
    """Tell whether a file is compressed, whatever its name is."""
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def table(vendor: str, rows: Rows) -> None:
    """Print one row for each tool: the medians of its rounds."""
    print(f"\n{vendor}, {rows['this package'][0]['records']:,} conversations, {DAYS} days")
    print(
        f"{'':<13} {'records/s':>9} {'CPU s':>7} {'start s':>8} {'peak MiB':>9} {'delivered MiB':>14} "
        f"{'written MiB':>12} {'repeated':>9}"
    )
    for name, rounds in rows.items():
        median = {
            key: statistics.median(row[key] for row in rounds)
            for key in ("wall", "cpu", "start", "peak", "out", "written", "repeated")
        }
        print(
            f"{name:<13} {rounds[0]['records'] / median['wall']:>9,.0f} {median['cpu']:>7.2f} "
            f"{median['start']:>8.1f} {median['peak']:>9.0f} {median['out']:>14.1f} "
            f"{median['written']:>12.1f} {median['repeated']:>9.0f}",
            flush=True,
        )


def compare(url: str, end: datetime, peers: dict[str, Tool], rounds: int) -> dict[str, Rows]:
    """Run all rounds; return the rows of each vendor.

    :raises RuntimeError: The tools have not delivered the same conversations.
    """
    rows: dict[str, Rows] = {vendor: {name: [] for name in peers} for vendor in VENDORS}
    for vendor in VENDORS:
        for name in (name for name in WARMING if name in peers):
            progress(vendor, "not counted", name, run(peers[name], vendor, url, end))
    for number in range(1, rounds + 1):
        for vendor in VENDORS:
            for name, tool in peers.items():
                row = run(tool, vendor, url, end)
                rows[vendor][name].append(row)
                progress(vendor, f"round {number}", name, row)
            found = {
                name: (counted[-1]["records"], counted[-1]["ids"]) for name, counted in rows[vendor].items()
            }
            if len(set(found.values())) > 1:
                raise RuntimeError(f"The tools have delivered different conversations of {vendor}: {found}.")
    return rows


def progress(vendor: str, number: str, name: str, row: dict[str, Any]) -> None:
    """Tell that an export has ended, and what it cost."""
    shown = ("records", "repeated", "wall", "cpu", "start", "peak", "out", "written")
    costs = ", ".join(f"{key} {round(row[key], 2):,}" for key in shown)
    print(f"{vendor}, {number}, {name}: {costs}", file=sys.stderr, flush=True)


def main() -> None:
    """Compare all tools for both vendors."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--records", type=int, default=200_000, help="conversations of each vendor")
    parser.add_argument("--rounds", type=int, default=3, help="how often each tool runs")
    parser.add_argument(
        "--peers-python", default=".venv-peers/bin/python", help="where the peers are installed"
    )
    parser.add_argument("--parquet", action="store_true", help="to Parquet files: this package and dlt")
    arguments = parser.parse_args()
    end = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=MARGIN_DAYS)
    print(f"Medians of {arguments.rounds} rounds, {os.cpu_count()} processors.")
    with server(arguments.records) as url:
        chosen = table_tools if arguments.parquet else tools
        rows = compare(url, end, chosen(arguments.peers_python), arguments.rounds)
    for vendor in VENDORS:
        table(vendor, rows[vendor])
    print()
    for name, counted in rows[VENDORS[0]].items():
        versions = counted[0]["versions"]
        print(f"{name}: {', '.join(f'{package} {found}' for package, found in versions.items())}")


if __name__ == "__main__":
    main()
