"""The commands of the documentation, page by page, in the order in which they run."""

from __future__ import annotations

import json

from dev.docs_pages import REPOSITORY, code_of
from dev.docs_scenarios import (
    Scenario,
    Step,
    answer,
    below_demo_ui,
    narrow,
    our_log,
    report,
    returned,
    table,
    whole,
)


def _block(page: str, words: str, language: str = "bash") -> str:
    """Return the block of a page that has these words."""
    return next(code for code in code_of(page, language) if words in code)


def _python(page: str, *words: str) -> str:
    """Return a command that runs the blocks of a page that have these words, one after another."""
    blocks = "".join(_block(page, each, "python") for each in words)
    return f"python - <<'END'\n{blocks}END"


def _export(operator: str, *destinations: tuple[str, str], intervals: tuple[str, ...]) -> str:
    """Return a command that exports without a Dag.

    :param operator: Class and vendor, such as ``AdaExportOperator ada``.
    :param destinations: Each with further arguments of the operator, as Python.
    :param intervals: Such as ``2026-11-16/2026-11-18``, half-open.
    """
    name, vendor = operator.split()
    tasks = ", ".join(
        f'{name}(task_id="export", destination="{destination}"{more})' for destination, more in destinations
    )
    return f"""python - <<'END'
from datetime import datetime
from airflow_provider_convexport.operators.{vendor} import {name}
for start, end in [each.split("/") for each in {intervals!r}]:
    for task in ({tasks},):
        moments = {{f"data_interval_{{name}}": datetime.fromisoformat(f"{{day}}T00:00:00+00:00")
                   for name, day in (("start", start), ("end", end))}}
        task.execute({{**moments, "run_id": start}})
END"""


def _export_ada(*intervals: str) -> str:
    kinds = (("conversations", ""), ("messages", ', stream="messages"'))
    destinations = [(f"{_ROOT}/ada/{name}", more) for name, more in kinds]
    return _export("AdaExportOperator ada", *destinations, intervals=intervals)


def _export_my_shop(*intervals: str) -> str:
    destination = (f"{_ROOT}/my_shop/conversations", ', applied_labs_conn_id="my_shop"')
    return _export("AppliedLabsExportOperator applied_labs", destination, intervals=intervals)


_FOLDER = "/tmp/howto/exports"  # noqa: S108
_ROOT = f"file://{_FOLDER}"
_ADA = f"{_ROOT}/ada/conversations"
_MY_SHOP = {
    "conn_type": "applied_labs",
    "host": "http://127.0.0.1:8600",
    "password": "AL-simulated-key",
    "extra": {"shop_id": "22222222-2222-4222-8222-222222222222"},
}
_SIMULATOR = "python -m airflow_provider_convexport.simulator"
_READY = "until curl -sf http://127.0.0.1:8600/_simulator/summary > /dev/null; do sleep 0.1; done"
_DAY_14 = "start=2026-11-14T00:00:00Z&end=2026-11-15T00:00:00Z"
_ID = (
    f"curl -s 'http://127.0.0.1:8600/_simulator/records/ada/conversations?{_DAY_14}' | "
    """sed -n '10s/^{"_id":"\\([^"]*\\)".*/\\1/p'"""
)

SCENARIOS = (
    # The longest first, so that none begins alone at the end.
    Scenario(
        "docs/start.md",
        (
            Step(
                f"python {REPOSITORY}/dev/demo.py --root .demo",
                {"demo": narrow, "demo.report": report},
                told=False,
            ),
            # What these two read is what the demo has exported.
            Step("ln -s .demo/exports exports", told=False),
            Step(
                f"airflow convexport status --destination {_ROOT}/agentx/conversations",
                page="docs/how-to/several-shops-or-bots.md",
            ),
            Step(
                f"airflow convexport files --destination {_ROOT}/tables --format duckdb",
                page="docs/how-to/tables.md",
            ),
        ),
    ),
    Scenario(
        "docs/start.md",
        (
            Step("airflow dags test ada_yesterday 2026-11-19", {"start.log": our_log}),
            Step(f"cat {_FOLDER}/ada/conversations/dt=2026-11-18/_manifest.json", {"start.manifest": whole}),
            Step(_block("docs/start.md", "airflow connections add")),
            Step("airflow convexport check --conn-id ada_default"),
        ),
        dags=("ada_yesterday",),
    ),
    Scenario(
        "docs/how-to/README.md",
        (Step(_block("docs/how-to/README.md", "airflow db migrate"), {"set-up.check": answer}),),
        own_simulator=True,
    ),
    Scenario(
        "docs/how-to/first-hour.md",
        (
            Step("mkdir .demo-ui && touch .demo-ui/env.sh", told=False),
            Step('airflow pools set convexport_applied_labs 1 "Exports from Applied Labs"', told=False),
            Step(
                _export_my_shop("2026-11-21/2026-11-22", "2026-11-16/2026-11-18"),
                told=False,
            ),
            Step(_block("docs/how-to/first-hour.md", "convexport check"), {"first-hour.check": whole}),
            Step(
                "airflow convexport status --destination $AIRFLOW_VAR_CONVEXPORT_ROOT/my_shop/conversations "
                "--until yesterday --fail-on-gaps",
                {"first-hour.status": whole},
                status=4,
            ),
            Step(
                "airflow convexport plan --dag-id my_shop --from 2026-11-16 --to 2026-11-22",
                {"first-hour.plan": below_demo_ui},
            ),
            Step(
                _export_my_shop("2026-11-18/2026-11-21"),
                told=False,
            ),
            Step(_block("docs/how-to/first-hour.md", "convexport files")),
            Step(
                _python("docs/how-to/first-hour.md", "duckdb.sql"),
                {"first-hour.duckdb": table},
                told=False,
            ),
        ),
        dags=("my_shop",),
        environment={"AIRFLOW_CONN_MY_SHOP": json.dumps(_MY_SHOP)},
    ),
    Scenario(
        "docs/how-to/audit.md",
        (
            Step(f"{_SIMULATOR} > /dev/null & {_READY}; {_ID} > late; kill %1; wait", told=False),
            Step(
                f"{_SIMULATOR} --leave-out ada/conversations/$(cat late) > /dev/null & {_READY}\n"
                f"{_export_ada('2026-11-10/2026-11-20')}\nkill %1; wait",
                told=False,
            ),
            Step(f"test -s late; {_SIMULATOR} > /dev/null & {_READY}", told=False),
            Step(_block("docs/how-to/audit.md", "--share 1"), {"audit.gap": whole}),
            Step(_export_ada("2026-11-14/2026-11-15"), told=False),
            Step(
                _block("docs/how-to/audit.md", "--share 1").replace("2026-11-15", "2026-11-14"),
                {"audit.no-gap": whole},
                told=False,
            ),
            Step(_block("docs/how-to/audit.md", "--files"), {"audit.files": whole}),
        ),
        own_simulator=True,
    ),
    Scenario(
        "docs/how-to/daily.md",
        (
            Step("airflow dags test ada_daily 2026-11-19"),
            Step(f"airflow convexport status --destination {_ADA}", {"daily.status": whole}),
            Step("airflow dags test ada_daily_report 2026-11-19", page="docs/how-to/consumers.md"),
            Step(
                "airflow convexport files --destination $AIRFLOW_VAR_CONVEXPORT_ROOT --format duckdb",
                page="docs/how-to/loading.md",
            ),
            Step(
                f"airflow convexport status --destination {_ADA} --sweep-staging",
                page="docs/resume.md",
            ),
        ),
        examples=("ada_daily.py", "ada_consumers.py"),
    ),
    Scenario(
        "docs/how-to/hook-in-a-task.md",
        (
            Step(
                "CONVEXPORT_CLOCK_OFFSET=$(($(date -ud 2026-11-21T00:30 +%s) - $(date +%s))) "
                "airflow tasks test hook_in_a_task count_languages 2026-11-21",
                {"hook.unsettled": our_log},
                told=False,
            ),
        ),
        examples=("hook_in_a_task.py",),
    ),
    Scenario(
        "docs/how-to/late-edits.md",
        (
            Step("airflow dags test ada_late_edits 2026-11-19"),
            Step("airflow dags test ada_late_edits 2026-11-20", {"late-edits.log": our_log}),
        ),
        examples=("ada_late_edits.py",),
    ),
    Scenario(
        "docs/how-to/backfill.md",
        (
            Step("airflow dags test ada_windows 2026-03-24"),
            Step(
                "airflow convexport plan --dag-id ada_windows --from 2026-01-01 --to 2026-06-01",
                {"backfill.plan": whole},
            ),
            Step(
                f"airflow convexport status --destination {_ADA} --until yesterday --fail-on-gaps --verify",
                {"backfill.status": whole},
                status=4,
            ),
        ),
        examples=("ada_windows.py",),
    ),
    Scenario(
        "docs/how-to/hourly.md",
        (Step("airflow dags test ada_hourly 2026-11-19", {"hourly.log": our_log}),),
        examples=("ada_hourly.py",),
    ),
    Scenario(
        "docs/scheduling.md",
        (Step("airflow dags test ada_weekly 2026-11-19", {"scheduling.weekly": our_log}),),
        dags=("ada_weekly",),
    ),
    Scenario(
        "docs/connections.md",
        (
            Step(_python("docs/connections.md", "test_connection"), {"connections.right": whole}, told=False),
            Step(
                'export AIRFLOW_CONN_ADA_DEFAULT=\'{"conn_type": "ada", "host": "http://127.0.0.1:8600", '
                f'"password": "wrong"}}\'; {_python("docs/connections.md", "test_connection")}',
                {"connections.wrong": whole},
                told=False,
            ),
        ),
    ),
    Scenario(
        "docs/hooks.md",
        (
            Step(_block("docs/hooks.md", "export AIRFLOW_CONN_ADA_DEFAULT")),
            Step(
                _python(
                    "docs/hooks.md",
                    *(f"import {hook}\n\n" for hook in ("AdaHook", "AgentXHook", "AppliedLabsHook")),
                ),
                told=False,
            ),
        ),
    ),
    Scenario(
        "docs/operators.md",
        (Step(_python("docs/operators.md", "task.execute("), {"operators.returned": returned}, told=False),),
    ),
    Scenario(
        "docs/simulator.md",
        (
            Step(f"{_SIMULATOR} & {_READY}", {"simulator.start": whole}, told=False),
            Step(_block("docs/simulator.md", "curl")),
        ),
        own_simulator=True,
    ),
    Scenario(
        "docs/how-to/current-state.md",
        (
            Step("airflow convexport views --engine duckdb"),
            Step(
                "airflow convexport views --engine snowflake --schema support",
                page="docs/how-to/warehouse.md",
            ),
        ),
    ),
)
