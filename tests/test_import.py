from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import airflow_provider_convexport

OPTIONAL = {
    "adlfs",
    "azure",
    "boto3",
    "gcsfs",
    "google",
    "openlineage",
    "pyarrow",
    "redis",
    "s3fs",
    "zstandard",
}


def loaded_by(statements):
    """Return the top-level names of the modules that a fresh interpreter loads for some statements."""
    script = (
        "import json, sys\n"
        "before = set(sys.modules)\n"
        f"{statements}\n"
        "print(json.dumps(sorted({name.split('.')[0] for name in set(sys.modules) - before})))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def importing_all_of(package):
    return (
        "import importlib, pkgutil\n"
        f"import {package} as package\n"
        "for module in pkgutil.walk_packages(package.__path__, package.__name__ + '.'):\n"
        "    importlib.import_module(module.name)"
    )


def test_discovery_loads_the_standard_library_only():
    # Airflow does this while it loads its own configuration, in each of its processes.
    loaded = loaded_by(
        "from airflow_provider_convexport.get_provider_info import get_provider_info; get_provider_info()"
    )

    assert loaded - sys.stdlib_module_names == {"airflow_provider_convexport"}


@pytest.mark.parametrize("part", ["audit", "export", "tables"])
def test_the_engine_does_not_load_airflow_or_an_optional_library(part):
    loaded = loaded_by(importing_all_of(f"airflow_provider_convexport.{part}"))

    assert not loaded & {"airflow", "pyarrow", "pyiceberg", "duckdb"}


def test_hooks_and_operators_load_no_optional_library():
    statements = "\n".join(
        importing_all_of(f"airflow_provider_convexport.{kind}") for kind in ("hooks", "operators")
    )
    # What Airflow itself loads is not ours to judge.
    airflow = "import airflow.sdk, airflow.providers.http.hooks.http, airflow.sdk.io"

    assert not (loaded_by(f"{airflow}\nbefore = set(sys.modules)\n{statements}") & OPTIONAL)


def test_the_plugin_loads_no_server():
    # The scheduler, the Dag processor and each task load it, too; FastAPI alone takes half a second.
    airflow = "import airflow.sdk, airflow.providers.standard.operators.python"

    loaded = loaded_by(f"{airflow}\nbefore = set(sys.modules)\nimport airflow_provider_convexport.plugin")
    assert not loaded & {"fastapi", "starlette", "jinja2", "markupsafe"}


PACKAGE = Path(airflow_provider_convexport.__file__).parent
ORDER = [
    "window",
    "file_lock",
    "parallel",
    "sharing",
    "fetch",
    "dataset",
    "job",
    "stage",
    "publish",
    "outcome",
    "records",
    "run",
]
"""The rooms and modules of ``export/``; each may import what stands before it, and itself."""


ARCHITECTURE = PACKAGE.parent / "docs" / "architecture.md"


def named_modules(page):
    """Return the modules that the tables about ``export/`` name in their first column."""
    folder, found = None, []
    for line in page.splitlines():
        if title := re.match(r"\| in `export/(\w*)/?`", line):
            folder = title[1]
        elif not line.startswith("|"):
            folder = None
        elif folder is not None:
            names = re.findall(r"`(\w+)\.py`", line.split("|")[1])
            found += [f"{folder}/{name}".lstrip("/") for name in names]
    return found


def imports_of(path):
    """Return the package's own modules that a file imports, those for type checking included."""
    prefix = f"{PACKAGE.name}."
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(prefix):
            yield node.module.removeprefix(prefix)


def backward_imports(export):
    """Return what in a folder like ``export/`` imports something that stands later in `ORDER`."""
    found = []
    for path in export.rglob("*.py"):
        place = path.relative_to(export).with_suffix("").parts[0]
        for module in imports_of(path):
            head, _, rest = module.partition(".")
            target = rest.split(".")[0]
            if head == "export" and place != "__init__" and ORDER.index(target) > ORDER.index(place):
                found.append(f"{path.relative_to(export)} imports {module}")
    return found


def test_imports_in_the_engine_run_one_way():
    assert backward_imports(PACKAGE / "export") == []


def test_the_page_on_architecture_names_every_module_of_the_engine_once():
    export = PACKAGE / "export"
    modules = [str(path.relative_to(export).with_suffix("")) for path in export.rglob("[!_]*.py")]

    assert sorted(named_modules(ARCHITECTURE.read_text())) == sorted(modules)


def test_the_page_on_architecture_states_the_order_of_imports():
    assert ", ".join(f"`{name}`" for name in ORDER) in ARCHITECTURE.read_text()


def test_an_import_that_is_turned_round_is_found(tmp_path):
    copy = tmp_path / "export"
    shutil.copytree(PACKAGE / "export", copy)
    turned = copy / "dataset" / "store.py"
    turned.write_text(f"{turned.read_text()}\nfrom {PACKAGE.name}.export.stage.attempt import Attempt\n")

    assert backward_imports(copy) == ["dataset/store.py imports export.stage.attempt"]


def test_the_engine_knows_no_hook_operator_or_command():
    reached = {
        (module.split(".")[0], path.name)
        for path in (PACKAGE / "export").rglob("*.py")
        for module in imports_of(path)
    }

    # `read_partitions` takes a URL, whose connection only Airflow knows; it imports that when it is called.
    reached.remove(("destination", "reader.py"))
    assert {module for module, _ in reached} == {"durations", "errors", "export"}


@pytest.mark.parametrize("place", ["cli", "page", "tables"])
def test_what_reads_a_dataset_does_not_reach_into_work_in_progress(place):
    reached = {module for path in (PACKAGE / place).rglob("*.py") for module in imports_of(path)}

    assert not [module for module in reached if module.startswith(("export.stage", "export.publish"))]


def test_an_audit_uses_nothing_of_work_in_progress_but_the_digest():
    reached = {module for path in (PACKAGE / "audit").rglob("*.py") for module in imports_of(path)}

    assert {module for module in reached if module.startswith(("export.stage", "export.publish"))} == {
        "export.publish.digest"
    }
    assert {module.split(".")[0] for module in reached} == {"audit", "errors", "export"}
