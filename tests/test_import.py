from __future__ import annotations

import json
import subprocess
import sys

OPTIONAL = {"adlfs", "azure", "boto3", "gcsfs", "google", "pyarrow", "redis", "s3fs", "zstandard"}


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


def test_the_engine_does_not_load_airflow():
    assert "airflow" not in loaded_by(importing_all_of("airflow_provider_convexport.export"))


def test_hooks_and_operators_load_no_optional_library():
    statements = "\n".join(
        importing_all_of(f"airflow_provider_convexport.{kind}") for kind in ("hooks", "operators")
    )
    # What Airflow itself loads is not ours to judge.
    airflow = "import airflow.sdk, airflow.providers.http.hooks.http, airflow.sdk.io"

    assert not (loaded_by(f"{airflow}\nbefore = set(sys.modules)\n{statements}") & OPTIONAL)
