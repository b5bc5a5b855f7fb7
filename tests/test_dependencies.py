"""What the package imports and what pyproject.toml declares must be the same distributions."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections import defaultdict
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
PACKAGE = REPOSITORY / "airflow_provider_convexport"
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
CONSTRAINTS = sorted(REPOSITORY.glob("constraints*.txt"))
GROUPS = {"dependencies": PROJECT["dependencies"], **PROJECT["optional-dependencies"]}

# Providers share the namespace package ``airflow``, and "apache" and "common" hold several of them.
PROVIDER = re.compile(r"airflow\.providers\.((?:apache|common)\.\w+|\w+)")

# Declared although no module of the package imports them, and why.
NOT_IMPORTED = {
    "filelock": "pyrate-limiter imports it for SQLiteBucket.init_from_file(use_file_lock=True)",
    "apache-airflow-providers-amazon": "ObjectStoragePath loads its file system for s3://",
    "apache-airflow-providers-google": "ObjectStoragePath loads its file system for gs://",
    "apache-airflow-providers-microsoft-azure": "ObjectStoragePath loads its file system for abfs://",
}


def name_of(requirement):
    """Return the normalized name of the distribution in a requirement such as ``Foo_bar[x]>=1``."""
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", requirement).group()).lower()


def imported_modules(tree):
    """Yield the absolute names of all imported modules: at module level, in functions, for types only."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports are not used here"
            # ``from airflow.providers import http`` names the module only together with the alias.
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def distribution_of(module, installed):
    """Return the distribution of a module; ``None`` for this package and the standard library."""
    top = module.partition(".")[0]
    if top == PACKAGE.name or top in sys.stdlib_module_names:
        return None
    if top == "airflow":
        provider = PROVIDER.match(module)
        return name_of(f"apache-airflow-providers-{provider[1]}") if provider else "apache-airflow"
    return name_of(installed.get(top, [top])[0])


def imported(root=PACKAGE):
    """Return the imported distributions, each with the files that import it."""
    installed = packages_distributions()
    files = defaultdict(set)
    for path in sorted(root.rglob("*.py")):
        for module in imported_modules(ast.parse(path.read_text())):
            if name := distribution_of(module, installed):
                files[name].add(str(path.relative_to(root.parent)))
    return files


def undeclared(files, declared):
    """Return one sentence for each distribution that is imported and not declared."""
    return [
        f"{', '.join(sorted(files[name]))} imports {name}; add it to [project] in pyproject.toml."
        for name in sorted(files.keys() - declared)
    ]


def unused(files, declared):
    """Return one sentence for each distribution that is declared and neither imported nor excused."""
    return [
        f"pyproject.toml declares {name}, and no module imports it; remove it, or give the reason in "
        "NOT_IMPORTED."
        for name in sorted(declared - files.keys() - NOT_IMPORTED.keys())
    ]


@pytest.fixture(scope="module")
def declared():
    names = {name_of(requirement) for requirements in GROUPS.values() for requirement in requirements}
    return names - {PROJECT["name"]}  # of an extra that includes another one


def test_every_imported_distribution_is_declared(declared):
    missing = undeclared(imported(), declared)

    assert not missing, "\n".join(missing)


def test_every_declared_distribution_is_imported_or_has_a_reason(declared):
    superfluous = unused(imported(), declared)

    assert not superfluous, "\n".join(superfluous)


def test_every_reason_is_for_a_declared_distribution_that_is_not_imported(declared):
    assert declared >= NOT_IMPORTED.keys()
    assert not NOT_IMPORTED.keys() & imported().keys()


def test_a_distribution_is_declared_once():
    names = [name_of(requirement) for requirements in GROUPS.values() for requirement in requirements]

    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("path", CONSTRAINTS, ids=lambda path: path.stem)
def test_every_constraints_file_pins_every_declared_distribution(path, declared):
    pinned = {name_of(line) for line in path.read_text().splitlines() if not line.startswith("#")}

    assert declared <= pinned, f"{path.name} lacks {sorted(declared - pinned)}; run: make constraints"


def extras_named_in(text):
    """Return the extras of this package that a text tells people to install."""
    named = re.findall(r"(?:airflow-provider-convexport|['\" ]\.)((?:\[[\w,-]+\](?:, | or )?)+)", text)
    return {extra for each in named for extra in re.findall(r"[\w-]+(?=[,\]])", each)}


def test_the_extras_that_a_text_names_are_found():
    text = "Install airflow-provider-convexport[s3], [gcs] or [azure]; pip install '.[parquet,redis]'."

    assert extras_named_in(text) == {"s3", "gcs", "azure", "parquet", "redis"}


def test_errors_and_documents_name_extras_that_can_be_installed():
    pages = [*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/**/*.md"), *PACKAGE.rglob("*.py")]
    named = {path: extras_named_in(path.read_text()) for path in pages}

    assert set().union(*named.values()) >= {"s3", "gcs", "azure", "zstd", "redis", "parquet", "iceberg"}
    unknown = {str(path): extras - PROJECT["optional-dependencies"].keys() for path, extras in named.items()}
    assert not {path: extras for path, extras in unknown.items() if extras}


def test_the_first_page_of_the_guide_says_what_each_extra_is_needed_for():
    text = (REPOSITORY / "docs" / "start.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    first = {name for row in rows for name in re.findall(r"`([\w-]+)`", row.split("|")[1])}

    assert first >= PROJECT["optional-dependencies"].keys()


def test_the_addresses_of_the_project_are_below_that_of_its_source():
    urls = PROJECT["urls"]

    assert urls.keys() == {"Documentation", "Source", "Changelog", "Issues"}
    assert all(url.startswith(urls["Source"]) for url in urls.values())
    assert urls["Changelog"].endswith("/CHANGELOG.md")


def test_what_the_benchmark_compares_with_is_declared_in_a_group_and_pinned_without_this_package():
    folder = REPOSITORY / "benchmarks" / "peers"
    group = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["dependency-groups"]["peers"]
    lines = (folder / "constraints.txt").read_text().splitlines()
    pinned = {name_of(line) for line in lines if not line.startswith("#")}

    assert {name_of(requirement) for requirement in group} == {"airbyte-cdk", "dlt", "pyarrow", "requests"}
    assert {name_of(requirement) for requirement in group} <= pinned
    assert "apache-airflow" not in pinned


def test_a_missing_and_a_superfluous_declaration_are_each_one_sentence(tmp_path):
    package = tmp_path / "acme"
    package.mkdir()
    (package / "walk.py").write_text("import os\n\n\ndef go():\n    from requests.auth import AuthBase\n")

    files = imported(package)

    assert undeclared(files, set()) == [
        "acme/walk.py imports requests; add it to [project] in pyproject.toml."
    ]
    assert unused(files, {"requests", "pyarrow"}) == [
        "pyproject.toml declares pyarrow, and no module imports it; remove it, or give the reason in "
        "NOT_IMPORTED."
    ]


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("airflow.sdk.DAG", "apache-airflow"),
        ("airflow.providers.http.hooks.http.HttpHook", "apache-airflow-providers-http"),
        ("airflow.providers.common.compat.sdk.conf", "apache-airflow-providers-common-compat"),
        ("pyrate_limiter.Rate", "pyrate-limiter"),
        ("json.dumps", None),
    ],
)
def test_a_module_belongs_to_a_distribution(module, name):
    assert distribution_of(module, packages_distributions()) == name
