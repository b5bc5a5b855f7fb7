"""How long the coverage page takes for many datasets, and how many queries of Airflow's database it needs.

    .venv/bin/python -m benchmarks.coverage_page
    .venv/bin/python -m benchmarks.coverage_page --datasets 50 --days 1000
    .venv-stack/bin/python -m benchmarks.coverage_page --postgresql

Airflow's database has one asset event for each dataset and day. It is a sqlite file, or in a PostgreSQL
server that is started for this: Debian's package, and an environment with psycopg2. Times are those of a
request to the app, with the check of the user; "cpu" is the least processor time that a request takes of it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime

from tests.support.postgres import postgres_server, programs

ROUNDS = 5


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--datasets", type=int, default=200)
    parser.add_argument("--days", type=int, default=400)
    parser.add_argument("--postgresql", action="store_true")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        home = stack.enter_context(tempfile.TemporaryDirectory(prefix="convexport-page-"))
        if options.postgresql:
            url = stack.enter_context(postgres_server(programs()))
            os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = url
        os.environ |= {
            "AIRFLOW_HOME": home,
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__API_AUTH__JWT_SECRET": "benchmark" * 8,
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
        }
        subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], check=True, capture_output=True)
        measure(options.datasets, options.days)


def measure(datasets, days):
    from airflow.utils.session import create_session

    from airflow_provider_convexport.page.catalog import read_catalog
    from tests.support.page_events import many, write
    from tests.support.page_server import Server, counted_queries

    assets, rows = many(datasets, days, until=datetime.now(UTC).date())
    with create_session() as session:
        write(session, assets, rows)
        catalog = read_catalog(session, since=time.time())
    server = Server()
    print(f"{datasets} datasets of {days} days, {len(rows):,} asset events")
    print(f"{'page':<28} {'best':>8} {'median':>8} {'cpu':>8} {'queries':>8} {'kB':>7}")
    one = next(iter(catalog.datasets))
    for path in ("", f"dataset?id={one}", f"dataset?id={one}&days=400", "budget"):
        times, size, queries = [], 0, 0
        for _ in range(ROUNDS):
            with counted_queries() as statements:
                start, cpu = time.perf_counter(), time.process_time()
                answer = asyncio.run(server.get(path))
                times.append((time.perf_counter() - start, time.process_time() - cpu))
            assert answer.status_code == 200, answer.status_code
            size, queries = len(answer.content), len(statements)
        name = path.replace(one, "…") or "all datasets"
        times.sort()
        best, middle, cpu = times[0][0], times[len(times) // 2][0], min(each[1] for each in times)
        line = f"{name:<28} {best:>6.2f} s {middle:>6.2f} s {cpu:>6.2f} s {queries:>8} {size / 1000:>7,.0f}"
        print(line)


if __name__ == "__main__":
    main()
