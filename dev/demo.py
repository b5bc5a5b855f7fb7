"""Runs the example Dags for one day against the simulator, with real Airflow task runs, and shows the result.

At last it makes tables of what was exported, and queries them with DuckDB.

It needs only the package, its simulator and DuckDB. Airflow's database and log and the exports are created
anew below ``--root`` each time.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any

REPOSITORY = Path(__file__).resolve().parent.parent
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from collections.abc import Set as AbstractSet

TABLES = "tables_on_change.py"
COLUMNS = ("vendor", "stream", "scope", "interval", "records", "files", "bytes", "folder")
MEASURED = frozenset(("records", "files", "bytes"))


def main() -> None:
    """Run the demo; exit with status 1 and the end of Airflow's log if a Dag fails."""
    options = _options()
    root: Path = options.root.resolve()
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    log = root / "airflow.log"
    day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=3)
    with simulator(root / "simulator.log") as url:
        os.environ.update(airflow_settings(root, options.dags))
        os.environ.update(vendor_connections(url))
        say(f"Simulator of the vendors at {url}; exporting {day:%Y-%m-%d} (UTC).")
        with stopwatch("Made Airflow's database"):
            run([sys.executable, "-m", "airflow", "db", "migrate"], log)
        for dag_file in sorted(options.dags.glob(f"{options.only}.py")):
            with stopwatch(f"Ran {dag_file.name}"):
                run_dag(dag_file, day, log)
    manifests = sorted((root / "exports").rglob("_manifest.json"))
    if not manifests:
        sys.exit(f"No Dag of {options.dags} left a manifest.")
    of_day = [path for path in manifests if path.parent.name == f"dt={day:%Y-%m-%d}"] or manifests
    show_table(of_day, root / "exports")
    if others := len(manifests) - len(of_day):
        say(f"There are {others} more of the days before, which the Dags export again for late changes.")
    show_records(of_day)
    if (tables := options.dags / TABLES).exists():
        say("")
        with stopwatch(f"Ran {TABLES}"):
            make_tables(tables, day, log)
        show_report(root / "exports" / "tables", day)
    show_next_steps(root)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--root", type=Path, default=REPOSITORY / ".demo", help="Folder; emptied first.")
    parser.add_argument("--dags", type=Path, default=REPOSITORY / "dags_examples", help="Folder of the Dags.")
    parser.add_argument("--only", default="*_daily", help="Pattern for the Dags' file names.")
    return parser.parse_args()


@contextlib.contextmanager
def simulator(log: Path) -> Iterator[str]:
    """Run the simulator in a subprocess and yield its URL."""
    command = [sys.executable, "-m", "airflow_provider_convexport.simulator", "--port", "0"]
    with (
        log.open("w") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        try:
            line = process.stdout.readline() if process.stdout else ""
            if "listening on" not in line:
                sys.exit(f"The simulator did not start; see {log}.")
            yield line.split()[-1]
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=20)


def airflow_settings(root: Path, dags: Path) -> dict[str, str]:
    """Return the environment of an Airflow that writes only below a folder."""
    return {
        "AIRFLOW_HOME": str(root / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags.resolve()),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",
        "AIRFLOW_VAR_CONVEXPORT_ROOT": (root / "exports").as_uri(),
        # Modules are compiled once instead of in each process.
        "PYTHONDONTWRITEBYTECODE": "",
    }


def vendor_connections(url: str) -> dict[str, str]:
    """Return the environment variables of the connections to the simulator.

    This imports Airflow, which then reads its settings.
    """
    # The repository comes last, so that the package is imported from where it is installed.
    sys.path.append(str(REPOSITORY))
    from dev.vendors import connections

    return connections(url)


def run_dag(dag_file: Path, day: datetime, log: Path) -> None:
    """Run all tasks of a Dag for one day; Airflow's output is written to a file.

    A manual run exports the interval *before* its logical date, a scheduled run the interval after it.
    """
    with airflow_output(log):
        run = load(dag_file).dag.test(logical_date=day + timedelta(days=1))
    if run.state != "success":
        fail(f"The Dag of {dag_file.name} ended as {run.state}", log)


def make_tables(dag_file: Path, day: datetime, log: Path) -> None:
    """Run the Dags that make the tables of each vendor, for one day, as an asset event would start them.

    A run that no event has started gets its interval by hand.
    """
    from airflow.sdk import DAG

    interval = [day.isoformat(), (day + timedelta(days=1)).isoformat()]
    for dag in [each for each in vars(load(dag_file)).values() if isinstance(each, DAG)]:
        with airflow_output(log):
            run = dag.test(logical_date=None, run_conf={"interval": interval})
        if run.state != "success":
            fail(f"The Dag {dag.dag_id} of {dag_file.name} ended as {run.state}", log)


def load(dag_file: Path) -> Any:
    """Return the module that a file is."""
    spec = spec_from_file_location(dag_file.stem, dag_file)
    if spec is None or spec.loader is None:
        sys.exit(f"{dag_file} is not a Python file.")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextlib.contextmanager
def airflow_output(log: Path) -> Iterator[None]:
    """Redirect the output of this process, including its file descriptors, to a file."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(descriptor) for descriptor in (1, 2)]
    with log.open("ab") as file:
        try:
            for descriptor in (1, 2):
                os.dup2(file.fileno(), descriptor)
            yield
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for descriptor, saved in zip((1, 2), kept, strict=True):
                os.dup2(saved, descriptor)
                os.close(saved)


def run(command: Sequence[str], log: Path) -> None:
    """Run a command; its output is written to a file."""
    with log.open("ab") as file:
        done = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        fail(f"{' '.join(command)} ended with {done.returncode}", log)


def fail(problem: str, log: Path) -> None:
    """Exit with an error after printing the end of Airflow's log."""
    lines = log.read_text(errors="replace").splitlines()
    say("\n".join(lines[-60:]))
    sys.exit(f"{problem}; the whole log is {log}.")


def show_table(manifests: Sequence[Path], exports: Path) -> None:
    """Print one line for each exported partition, from its manifest."""
    say(f"\nThe manifests below {os.path.relpath(exports)}:\n")
    show_rows(COLUMNS, [table_row(path, exports) for path in manifests], numbers=MEASURED)


def show_report(tables: Path, day: datetime) -> None:
    """Print a day's report over the tables of all vendors: what `dev.demo_report` queries."""
    from dev.demo_report import report

    columns, found = report(tables, day.date())
    rows = [tuple("-" if value is None else str(value) for value in row) for row in found]
    say(
        f"\nDuckDB over the tables of all vendors in {os.path.relpath(tables)}, without test conversations:\n"
    )
    show_rows(columns, rows, numbers=frozenset(columns) - {"vendor", "day"})


def show_rows(columns: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: AbstractSet[str]) -> None:
    """Print rows below the names of their columns, numbers to the right."""
    widths = [max(len(row[column]) for row in (columns, *rows)) for column in range(len(columns))]
    for row in (columns, *rows):
        cells = (
            cell.rjust(width) if name in numbers else cell.ljust(width)
            for name, cell, width in zip(columns, row, widths, strict=True)
        )
        say("  ".join(cells).rstrip())


def table_row(path: Path, exports: Path) -> tuple[str, ...]:
    """Return a manifest's row of the table; a truncated scope is complete in the last column."""
    manifest = json.loads(path.read_text())
    return (
        manifest["vendor"],
        manifest["stream"],
        cut(", ".join(manifest["scope"].values()) or "-", 12),
        " .. ".join(manifest["interval"][end].removesuffix("T00:00:00Z") for end in ("start", "end")),
        str(manifest["records"]),
        str(len(manifest["files"])),
        f"{sum(file['bytes'] for file in manifest['files']):,}",
        str(path.parent.relative_to(exports)),
    )


def show_records(manifests: Sequence[Path]) -> None:
    """Print the first lines of the first file."""
    files = [
        path.parent / file["name"] for path in manifests for file in json.loads(path.read_text())["files"]
    ]
    if not files:
        return
    width = shutil.get_terminal_size((110, 24)).columns
    say(f"\nThe first lines of {os.path.relpath(files[0])}:")
    with gzip.open(files[0], "rt", encoding="utf-8") as lines:
        for _, line in zip(range(2), lines, strict=False):
            say(cut(line.rstrip("\n"), width))


def cut(text: str, width: int) -> str:
    """Return a text, truncated to ``width`` characters."""
    return text if len(text) <= width else f"{text[: width - 1]}…"


def show_next_steps(root: Path) -> None:
    """Print the next steps."""
    say(f"\nThe exports stay in {os.path.relpath(root / 'exports')}, Airflow's log in ", end="")
    say(f"{os.path.relpath(root / 'airflow.log')}.")
    say("Next: make demo-ui starts Airflow's UI with these Dags and the simulator, to click through.")
    say("In your own Airflow: copy a file of dags_examples/ into your dags folder, create its connection")
    say("and pool, and set AIRFLOW_VAR_CONVEXPORT_ROOT to your storage, such as s3://aws_default@bucket/raw.")


@contextlib.contextmanager
def stopwatch(what: str) -> Iterator[None]:
    """Print what was done, and how long it took."""
    start = time.monotonic()
    yield
    say(f"{what} in {time.monotonic() - start:.1f} s.")


def say(text: str, *, end: str = "\n") -> None:
    """Print a text without buffering."""
    sys.stdout.write(f"{text}{end}")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
