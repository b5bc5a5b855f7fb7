"""Builds wheel and sdist, installs the wheel into an environment outside the checkout, and uses it there.

This checks what tests in the checkout cannot: that the wheel contains all files and declares all
dependencies, that each extra brings what it is for, and that Airflow finds the provider, its connection forms
and its hooks. Each check prints one line.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    parser.add_argument("--twine", type=Path, required=True, help="The twine to check with.")
    options = parser.parse_args()
    uv, twine = options.uv.absolute(), options.twine.absolute()
    with tempfile.TemporaryDirectory(prefix="convexport-wheel-") as folder:
        wheel, sdist = build(uv, Path(folder))
        output([twine, "check", "--strict", wheel, sdist], cwd=wheel.parent)
        passed("twine check --strict finds nothing in both")
        check_files(wheel)
        check_metadata(wheel)
        check_sdist(uv, sdist, wheel)
        python = install(uv, wheel)
        check_commands(python, environment(Path(folder)))
        check_dag(python, Path(folder))
        check_extras(uv, python, wheel)


def build(uv: Path, folder: Path) -> tuple[Path, Path]:
    """Build the wheel and the sdist of the checkout and return their paths."""
    output([uv, "build", "--quiet", "--wheel", "--sdist", "--out-dir", folder, REPOSITORY], cwd=folder)
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    passed(f"built {wheel.name} and {sdist.name}")
    return wheel, sdist


def project() -> dict[str, Any]:
    """Return what pyproject.toml says of the project."""
    content = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    return dict(content["project"])


def check_metadata(wheel: Path) -> None:
    """Check the addresses of the project, of which Airflow's list of providers shows the documentation's."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (each for each in archive.namelist() if each.endswith(".dist-info/METADATA"))
        lines = archive.read(name).decode().splitlines()
    for name, url in project()["urls"].items():
        check(f"Project-URL: {name}, {url}" in lines, f"the wheel names the address of its {name.lower()}")


def check_sdist(uv: Path, sdist: Path, wheel: Path) -> None:
    """Check that a wheel can be built of the sdist, with the same files."""
    folder = sdist.parent / "of-sdist"
    output([uv, "build", "--quiet", "--wheel", "--out-dir", folder, sdist], cwd=sdist.parent)
    (again,) = folder.glob("*.whl")
    names = (zipfile.ZipFile(each).namelist() for each in (wheel, again))
    check(len({tuple(sorted(each)) for each in names}) == 1, "the sdist gives a wheel with the same files")


EXTRAS = {
    "zstd": "zstandard",
    "redis": "redis",
    "parquet": "pyarrow.parquet",
    "iceberg": "airflow.providers.apache.iceberg.hooks.iceberg, pyiceberg.io.pyarrow",
    "openlineage": "airflow.providers.openlineage.extractors, openlineage.client.event_v2",
    "s3": "airflow.providers.amazon.aws.fs.s3, s3fs",
    "azure": "airflow.providers.microsoft.azure.fs.adls, adlfs",
    "gcs": "airflow.providers.google.cloud.fs.gcs, gcsfs",
}
"""What can be imported with an extra, and not without; those of clouds come last, for they bring others."""


def check_extras(uv: Path, python: Path, wheel: Path) -> None:
    """Check for each extra that it brings what it is for, which was not there before."""
    check(EXTRAS.keys() == project()["optional-dependencies"].keys(), "all extras are checked")
    constraints = REPOSITORY / "constraints.txt"
    for extra, modules in EXTRAS.items():
        command = [str(python), "-c", f"import {modules}"]
        before = subprocess.run(command, cwd=wheel.parent, capture_output=True, check=False)
        check(before.returncode != 0, f"without the extra {extra} there is no {modules}")
        requirement = f"{DISTRIBUTION}[{extra}] @ {wheel.as_uri()}"
        install = [uv, "pip", "install", "--quiet", "--python", python, "--constraints", constraints]
        output([*install, requirement], cwd=wheel.parent)
        output(command, cwd=wheel.parent)
        passed(f"the extra {extra} brings {modules}")


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
