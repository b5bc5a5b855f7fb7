"""Builds the wheel, installs it into an environment outside the checkout, and uses it there.

This checks what tests in the checkout cannot: that the wheel contains all files and declares all
dependencies, and that Airflow finds the provider, its connection forms and its hooks. Each check prints one
line.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_convexport.get_provider_info import get_provider_info

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

REPOSITORY = Path(__file__).resolve().parent.parent
DISTRIBUTION = "airflow-provider-convexport"
PACKAGE = "airflow_provider_convexport"


def main() -> None:
    """Run all checks; exit with status 1 at the first failure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--uv", type=Path, required=True, help="The uv to build and install with.")
    uv = parser.parse_args().uv.absolute()
    with tempfile.TemporaryDirectory(prefix="convexport-wheel-") as folder:
        wheel = build(uv, Path(folder))
        check_files(wheel)
        python = install(uv, wheel)
        check_commands(python, environment(Path(folder)))
        check_dag(python, Path(folder))


def build(uv: Path, folder: Path) -> Path:
    """Build the wheel of the checkout and return its path."""
    output([uv, "build", "--quiet", "--wheel", "--out-dir", folder, REPOSITORY], cwd=folder)
    (wheel,) = folder.glob("*.whl")
    passed(f"built {wheel.name}")
    return wheel


def check_files(wheel: Path) -> None:
    """Check that the wheel contains the package and its licence, and nothing else."""
    names = zipfile.ZipFile(wheel).namelist()
    check({name.split("/")[0].split("-")[0] for name in names} == {PACKAGE}, "the wheel has only the package")
    check(f"{PACKAGE}/py.typed" in names, "the wheel is marked as typed")
    check(any(name.endswith("licenses/LICENSE") for name in names), "the wheel has its licence")


def install(uv: Path, wheel: Path) -> Path:
    """Install the wheel with the shipped constraints; return the environment's interpreter."""
    folder = wheel.parent / "environment"
    output([uv, "venv", "--quiet", "--python", sys.executable, folder], cwd=wheel.parent)
    python = folder / "bin" / "python"
    constraints = REPOSITORY / "constraints.txt"
    output(
        [uv, "pip", "install", "--quiet", "--python", python, "--constraints", constraints, wheel],
        cwd=wheel.parent,
    )
    place = output([python, "-c", f"import {PACKAGE}; print({PACKAGE}.__file__)"], cwd=wheel.parent).strip()
    check(Path(place).is_relative_to(folder), "the package is imported from the wheel, not from the checkout")
    return python


def environment(folder: Path) -> dict[str, str]:
    """Return environment variables for a clean Airflow, without those of another one."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTHONPATH"))
    }
    return kept | {
        "AIRFLOW_HOME": str(folder / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "COLUMNS": "400",
    }


def check_commands(python: Path, variables: Mapping[str, str]) -> None:
    """Check what Airflow's commands print about the provider."""

    def airflow(*arguments: str) -> str:
        command = [python, "-m", "airflow", "providers", *arguments, "--output", "plain"]
        return output(command, cwd=python.parent, variables=variables)

    check(DISTRIBUTION in airflow("get", DISTRIBUTION), f"airflow providers get {DISTRIBUTION}")
    widgets = airflow("widgets").split()
    for field in form_fields():
        check(field in widgets, f"airflow providers widgets lists {field}")
    hooks = airflow("hooks").split()
    for connection_type in connection_types():
        check(connection_type in hooks, f"airflow providers hooks lists {connection_type}")


def connection_types() -> Iterator[str]:
    """Yield the names of the connection types."""
    yield from (entry["connection-type"] for entry in _entries())


def form_fields() -> Iterator[str]:
    """Yield the fields of all connection forms, as Airflow names them."""
    for entry in _entries():
        for field in entry["conn-fields"]:
            yield f"extra__{entry['connection-type']}__{field}"


def _entries() -> list[dict[str, str]]:
    entries = get_provider_info()["connection-types"]
    if not isinstance(entries, list):
        raise TypeError("connection-types is not a list")
    return entries


def check_dag(python: Path, folder: Path) -> None:
    """Check that an example Dag succeeds with the wheel and writes manifests."""
    dags, root = folder / "dags", folder / "run"
    dags.mkdir()
    shutil.copy(REPOSITORY / "dags_examples" / "agentx_daily.py", dags)
    demo = [python, REPOSITORY / "dev" / "demo.py", "--root", root, "--dags", dags]
    output(demo, cwd=folder, variables=environment(folder))
    manifests = list(root.rglob("_manifest.json"))
    # Two streams of two bots, each for a day and for the seven days before it.
    check(len(manifests) == 32, "the example Dag agentx_daily ran and wrote 32 manifests")


def output(command: Sequence[object], *, cwd: Path, variables: Mapping[str, str] | None = None) -> str:
    """Return a command's output; print it and exit if the command fails."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.stdout.write(done.stdout)
        check(False, " ".join(done.args))
    return done.stdout


def check(holds: bool, what: str) -> None:
    """Print the result of one check; exit if it failed."""
    if not holds:
        sys.exit(f"FAILED  {what}")
    passed(what)


def passed(what: str) -> None:
    """Print that a check passed."""
    sys.stdout.write(f"ok      {what}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
