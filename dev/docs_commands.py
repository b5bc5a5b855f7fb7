"""The commands that the documentation shows: those that the script runs, and what stands for the others."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dev.docs_pages import code_of

if TYPE_CHECKING:
    from collections.abc import Iterable

_QUOTE = "'"
_NEWCOMER = "tests/browser/test_newcomer.py::test_a_newcomer_gets_from_the_demo_to_loaded_records"
_EXAMPLES = "tests/dags_examples/test_dags_examples.py::"
ELSEWHERE = {
    r"make demo(-ui)?$|\. \.demo-ui/env\.sh$": _NEWCOMER,
    r"make test$": "CI runs it.",
    r"make stack": "tests/stack starts such a cluster.",
    r"\.venv/bin/python -m dev\.cluster ": "tests/scheduler starts such a cluster.",
    r"pip install '\.\[": "dev/test_wheel.py::main",
    r"pip install \"apache-airflow==": "It installs into the Airflow of a managed service.",
    r"docker|set -a &&|AWS_ACCESS_KEY_ID=\$S3": "It needs Docker; tests/compose checks the files.",
    r"cat >(lifecycle|policy)\.json": "It needs an account of a cloud.",
    r"airflow convexport files .*--destination s3://conn@bucket": "It needs a bucket; tests/stores has some.",
    r"airflow convexport plan .* --run$": (
        "tests/cli/test_dag_plan.py::test_the_guide_shows_what_is_told_meanwhile"
    ),
    r"airflow pools set ": (
        "tests/cli/test_connections.py::"
        "test_check_says_which_command_creates_the_missing_pool_and_airflow_takes_it"
    ),
    r"airflow (backfill create|dags trigger) ": "They need a scheduler; tests/scheduler has one.",
    r"airflow dags test ada_tables ": f"{_EXAMPLES}test_a_dag_makes_the_tables_of_what_it_exports",
    r"airflow dags test hook_in_a_task |cat /tmp/howto/exports/escalations/": (
        f"{_EXAMPLES}test_hooks_in_tasks_read_exactly_the_day_of_the_run"
    ),
    r"airflow dags test agentx_daily ": (
        f"{_EXAMPLES}test_a_daily_dag_exports_its_day_and_the_days_before_it_again"
    ),
    r"python -m airflow_provider_convexport\.simulator$": (
        "tests/simulator/test_simulator_command_line.py::test_it_tells_its_address_and_stops_cleanly"
    ),
    r"export AIRFLOW_CONN_LAKE_|export AIRFLOW__LOGGING|export GCSFS_": "tests/stores has such connections.",
    r"export AIRFLOW__OPENLINEAGE__TRANSPORT": "tests/lineage sets it.",
    r"export AIRFLOW__CONVEXPORT__BUDGET_STORAGE=redis": "tests/limits sets it.",
    r"export AIRFLOW_CONN_\w+_DEFAULT=.*…": "The keys are left out.",
}
"""Patterns of commands that the script does not run, with the test that does, or a reason."""


def commands_of(page: str) -> list[str]:
    """Return the commands of a page's blocks of bash: one for each line, without comments.

    A line that ends with a backslash or within quotes goes on. A block with a file in it is one command.
    """
    return [command for block in code_of(page, "bash") for command in split(block)]


def split(block: str) -> list[str]:
    """Return the commands of a block."""
    if "<<'" in block:
        return [_plain(block)]
    commands: list[str] = []
    begun = ""
    for line in re.sub(r"\\\n", " ", block).splitlines():
        begun = f"{begun} {_without_comment(line) if begun.count(_QUOTE) % 2 == 0 else line}"
        if begun.count(_QUOTE) % 2 == 0:
            commands.append(_plain(begun))
            begun = ""
    return [command for command in commands if command]


def unaccounted(page: str, run: Iterable[str]) -> list[str]:
    """Return the commands of a page that are not among those that are run, and that nothing stands for.

    :param page: Path of the page in the repository.
    :param run: What scenarios run: whole blocks, or commands.
    """
    known = {command for text in run for command in split(text)}
    return [
        command
        for command in commands_of(page)
        if command not in known and not any(re.match(pattern, command) for pattern in ELSEWHERE)
    ]


def _without_comment(line: str) -> str:
    for found in re.finditer(r"(^|\s)#", line):
        if line[: found.start()].count(_QUOTE) % 2 == 0:
            return line[: found.start()]
    return line


def _plain(command: str) -> str:
    return " ".join(command.split())
