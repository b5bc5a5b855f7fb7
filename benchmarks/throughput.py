"""Compares an export with a minimal loop: records per second, CPU time and peak memory.

Run ``python benchmarks/throughput.py``. It starts the simulator without rate limits, then exports 20,000 and
200,000 AgentX conversations, 6,667 a day, in fresh processes: once with the operator, once with a
minimal loop of requests, msgspec and isal that writes the same records to the same daily files. The two
alternate, because other load on the machine varies; the table shows medians. Then both export 60,000 at the
pace of the vendor's rate limit: the operator counts its requests as in production, the loop sleeps.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

PER_DAY = 6_667
PACE = 3
"""Requests a second that AgentX Support allows."""
START = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=60)
KEY, BOT = "agentx-simulated-key", "support-bot"


def bare_loop(url: str, folder: Path, days: int, *, is_paced: bool) -> int:
    """Export with as little code as possible, without handling of crashes, rate limits or errors."""
    import msgspec
    import requests
    from isal import igzip

    class Head(msgspec.Struct):
        id: str = msgspec.field(name="_id")
        time: float = msgspec.field(name="startTime")

    heads_of = msgspec.json.Decoder(
        msgspec.defstruct("Heads", [("data", list[Head]), ("cursor", str | None)])
    )
    raws_of = msgspec.json.Decoder(msgspec.defstruct("Raws", [("data", list[msgspec.Raw])]))
    session = requests.Session()
    session.headers["x-api-key"] = KEY
    seen: set[str] = set()
    following = 0.0
    for day in range(days):
        start = (START + timedelta(days=day)).timestamp()
        end = start + 86_400
        params: dict[str, Any] = {
            "start_time": int(start) - 1, "end_time": int(end) + 1, "bot_name": BOT, "per_page": 1000,
        }  # fmt: skip
        with igzip.open(folder / f"{day:03d}.jsonl.gz", "wb", compresslevel=2) as file:
            while True:
                if is_paced:
                    time.sleep(max(following - time.monotonic(), 0.0))
                    following = time.monotonic() + 1 / PACE
                response = session.get(
                    f"{url}/conversations/export/v1/conversations", params=params, timeout=60
                )
                heads, raws = heads_of.decode(response.content), raws_of.decode(response.content)
                kept = [
                    raw
                    for head, raw in zip(heads.data, raws.data, strict=True)
                    if start <= head.time < end and head.id not in seen
                ]
                seen.update(head.id for head in heads.data)
                file.write(b"\n".join(kept) + b"\n")
                if heads.cursor is None:
                    break
                params["cursor"] = heads.cursor
    return len(seen)


def operator(url: str, folder: Path, days: int, *, is_paced: bool) -> int:
    """Export with the operator."""
    from airflow_provider_convexport.hooks.agentx import AgentXHook
    from airflow_provider_convexport.operators.agentx import AgentXExportOperator

    connection = {"conn_type": "agentx", "host": url, "password": KEY, "extra": {"bot_name": BOT}}
    os.environ["AIRFLOW_CONN_AGENTX_DEFAULT"] = json.dumps(connection)
    if not is_paced:
        AgentXHook.limits = ()
    task = AgentXExportOperator(task_id="export", destination=str(folder))
    end = START + timedelta(days=days)
    facts = task.execute({"data_interval_start": START, "data_interval_end": end, "run_id": "benchmark"})
    return facts["records"]


def measure(kind: str, url: str, days: int, *, is_paced: bool) -> None:
    """Run one of the two in this process and print its cost, after a warm-up day that imports all modules."""
    from airflow_provider_convexport.operators import agentx  # noqa: F401 - both import the same

    run = {"bare": bare_loop, "operator": operator}[kind]
    with tempfile.TemporaryDirectory() as folder:
        run(url, Path(folder), 1, is_paced=is_paced)
    with tempfile.TemporaryDirectory() as folder:
        cpu, wall = time.process_time(), time.monotonic()
        records = run(url, Path(folder), days, is_paced=is_paced)
        cpu, wall = time.process_time() - cpu, time.monotonic() - wall
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"records": records, "cpu": cpu, "wall": wall, "peak": peak}))


@contextmanager
def simulator() -> Iterator[str]:
    """Run the simulator."""
    command = [
        sys.executable, "-m", "airflow_provider_convexport.simulator", "--port", "0", "--no-limits",
        "--hostile", "--records", str(PER_DAY * 400), "--days", "400",
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()


def child(kind: str, url: str, days: int, *, is_paced: bool = False) -> dict[str, float]:
    """Measure in a fresh process."""
    environment = {
        **os.environ,
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
    }
    command = [sys.executable, __file__, "--measure", kind, "--url", url, "--days", str(days)]
    command += ["--paced"] if is_paced else []
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def compare(records: int, rounds: int, *, is_paced: bool = False) -> None:
    """Print one row for each of the two, and the ratio of their CPU times."""
    results: dict[str, list[dict[str, float]]] = {"bare": [], "operator": []}
    days = max(round(records / PER_DAY), 1)
    with simulator() as url:
        child("bare", url, days)  # the simulator renders its records when they are first requested
        for _ in range(rounds):
            for kind, rows in results.items():
                rows.append(child(kind, url, days, is_paced=is_paced))
    medians = {
        kind: {name: statistics.median(row[name] for row in rows) for name in rows[0]}
        for kind, rows in results.items()
    }
    for kind, row in medians.items():
        print(
            f"{row['records']:>9,.0f} {kind + ', paced' * is_paced:<15} "
            f"{row['records'] / row['wall']:>11,.0f} {row['cpu']:>9.2f} "
            f"{row['cpu'] / row['records'] * 1e6:>12.1f} {row['peak']:>9.0f}"
        )
    ratio = statistics.median(
        ours["cpu"] / bare["cpu"] for ours, bare in zip(results["operator"], results["bare"], strict=True)
    )
    print(f"          CPU of the operator to CPU of the bare loop: {ratio:.2f}")


def main() -> None:
    """Compare the two for each number of records."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--measure", choices=["bare", "operator"])
    parser.add_argument("--url")
    parser.add_argument("--days", type=int)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--records", type=int, nargs="*", default=[20_000, 200_000])
    parser.add_argument("--records-paced", type=int, nargs="*", default=[60_000])
    parser.add_argument("--paced", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        measure(arguments.measure, arguments.url, arguments.days, is_paced=arguments.paced)
        return
    print("  records kind            records / s   CPU (s)  CPU µs/record  peak MiB")
    for records in arguments.records:
        compare(records, arguments.rounds)
    for records in arguments.records_paced:
        compare(records, arguments.rounds, is_paced=True)


if __name__ == "__main__":
    main()
