"""Compares tables with the shortest loop and with DuckDB: records per second, CPU time and peak memory.

Run ``python -m benchmarks.tables`` in the repository. One raw partition of AgentX messages, or of Ada
conversations of about 6 KB, becomes Parquet files on the local disk: by this package, by the shortest loop of
msgspec and pyarrow, and by DuckDB, all with the same columns, and once more by DuckDB with the columns that
it infers. Each runs in a fresh process, and they take turns, because other load on the machine varies; the
table shows medians. The rows of the first round are compared. ``--all`` is a million messages and 100,000
conversations.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.fresh_process import measured, peak

if TYPE_CHECKING:
    from collections.abc import Callable

CASES = {
    "agentx-20000": ("agentx", 20_000),
    "agentx-1000000": ("agentx", 1_000_000),
    "ada-5000": ("ada", 5_000),
    "ada-100000": ("ada", 100_000),
}
QUICK, FULL = ("agentx-20000", "ada-5000"), ("agentx-20000", "agentx-1000000", "ada-100000")
WARM_UP = 1_000
"""Records with which each program runs first, so that no import is measured."""


def this_package(vendor: str, raw: Path, folder: Path) -> int:
    """Make the table as the operator does, with manifest and checksums."""
    from airflow_provider_convexport.export.window import Window
    from benchmarks.tables_data import START
    from tests.support.tables import disk, tables

    del vendor  # the manifest names it
    outcome = tables(disk(raw), disk(folder), Window(START, START + timedelta(days=1)))
    return sum(each.rows for each in outcome.written)


def _by_hand(make_table: Callable[..., int], vendor: str, raw: Path, folder: Path) -> int:
    from benchmarks.tables_data import FOLDER, START, WINDOW_ON

    published = datetime.fromisoformat(
        json.loads((raw / FOLDER / "_manifest.json").read_text())["committed_at"]
    )
    common = (vendor, "{}", START.date(), WINDOW_ON[vendor], published)
    files = sorted((raw / FOLDER).glob("part-*"))
    return make_table(vendor, files, folder / "table.parquet", common)


def loop(vendor: str, raw: Path, folder: Path) -> int:
    """Make the table with msgspec and pyarrow."""
    from benchmarks.tables_loop import make_table

    return _by_hand(make_table, vendor, raw, folder)


def duckdb(vendor: str, raw: Path, folder: Path) -> int:
    """Make the table with DuckDB."""
    from benchmarks.tables_duckdb import make_table

    return _by_hand(make_table, vendor, raw, folder)


def inferred(vendor: str, raw: Path, folder: Path) -> int:
    """Write whatever DuckDB infers, which is another table."""
    from benchmarks.tables_data import FOLDER
    from benchmarks.tables_duckdb import make_inferred

    del vendor
    return make_inferred(sorted((raw / FOLDER).glob("part-*")), folder / "table.parquet")


SAME = {"this package": this_package, "msgspec and pyarrow": loop, "DuckDB": duckdb}
PROGRAMS = {**SAME, "DuckDB, inferred": inferred}


def measure(program: str, vendor: str, raw: Path, warm_up: Path, keep: Path) -> dict[str, Any]:
    """Make a table in this process, after a small one, and return what it cost."""
    run = PROGRAMS[program]
    with tempfile.TemporaryDirectory() as folder:
        run(vendor, warm_up, Path(folder))
    before = peak()
    cpu, wall = time.process_time(), time.monotonic()
    records = run(vendor, raw, keep)
    cpu, wall = time.process_time() - cpu, time.monotonic() - wall
    size = sum(path.stat().st_size for path in keep.rglob("*.parquet")) / 2**20
    return {"records": records, "cpu": cpu, "wall": wall, "before": before, "peak": peak(), "size": size}


def check(case: str, folders: dict[str, Path]) -> None:
    """Compare the rows of all programs with those of the first.

    :raises RuntimeError: They differ.
    """
    import duckdb

    with duckdb.connect() as connection:
        first, *others = [f"read_parquet('{folder}/**/*.parquet', hive_partitioning = false)"
                          for folder in folders.values()]  # fmt: skip
        for name, other in zip(list(folders)[1:], others, strict=True):
            for one, two in ((first, other), (other, first)):
                query = f"SELECT count(*) FROM (FROM {one} EXCEPT ALL FROM {two})"
                if (found := connection.execute(query).fetchone()) != (0,):
                    raise RuntimeError(f"{case}: {found} rows of this package and of {name} differ.")


def compare(case: str, rounds: int, base: Path) -> None:
    """Print one row for each program, and the ratio of CPU times to that of the loop."""
    from benchmarks.tables_data import publish

    vendor, records = CASES[case]
    raw, warm_up = base / case, base / f"warm-up-{vendor}"
    for folder, count in ((raw, records), (warm_up, WARM_UP)):
        if not folder.exists():
            publish(vendor, count, folder)
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in PROGRAMS}
    for number in range(rounds):
        with tempfile.TemporaryDirectory(dir=base) as place:
            folders = {name: Path(place) / str(index) for index, name in enumerate(PROGRAMS)}
            for name, folder in folders.items():
                folder.mkdir()
                cost = measured(
                    "benchmarks.tables",
                    name,
                    vendor=vendor,
                    raw=raw,
                    **{"warm-up": warm_up, "keep": folder},
                )
                rows[name].append(cost)
                print(f"{case}, {name}: {cost}", file=sys.stderr, flush=True)
            if number == 0:
                check(case, {name: folders[name] for name in SAME})
    for name, costs in rows.items():
        row = {key: statistics.median(cost[key] for cost in costs) for key in costs[0]}
        ratio = statistics.median(
            cost["cpu"] / bare["cpu"] for cost, bare in zip(costs, rows["msgspec and pyarrow"], strict=True)
        )
        print(
            f"{case:<15} {name:<20} {row['records'] / row['wall']:>9,.0f} {row['cpu']:>7.2f} "
            f"{row['cpu'] / row['records'] * 1e6:>10.1f} {ratio:>6.2f} {row['before']:>7.0f} "
            f"{row['peak']:>7.0f} {row['size']:>8.1f}",
            flush=True,
        )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--all", action="store_true", help="at full size")
    parser.add_argument("--cases", nargs="*", choices=list(CASES), help="only these")
    parser.add_argument("--rounds", type=int, default=3, help="how often each program runs")
    parser.add_argument("--data", type=Path, help="folder that keeps the raw partitions for another run")
    parser.add_argument("--measure", choices=list(PROGRAMS), help=argparse.SUPPRESS)
    for name in ("--vendor", "--raw", "--warm-up", "--keep"):
        parser.add_argument(name, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        places = (Path(each) for each in (given.raw, given.warm_up, given.keep))
        print(json.dumps(measure(given.measure, given.vendor, *places)))
        return
    print(f"{'':<36} records/s   CPU s  µs/record  ratio  before peak MiB file MiB")
    with tempfile.TemporaryDirectory() as folder:
        for case in given.cases or (FULL if given.all else QUICK):
            compare(case, given.rounds, given.data or Path(folder))


if __name__ == "__main__":
    main()
