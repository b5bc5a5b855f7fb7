"""Plans of Dags that lie in a Dags folder, as a user's do."""

from __future__ import annotations

import json
import re
from textwrap import dedent

import pytest

from airflow_provider_convexport.cli.backfill_runs import BackfillRunner, BackfillState
from airflow_provider_convexport.cli.dag_plan import plan_dag
from airflow_provider_convexport.cli.dag_plan_text import dag_commands, dag_plan_text, dag_plan_values
from airflow_provider_convexport.cli.dag_reading import read_dag
from airflow_provider_convexport.destination import store_at
from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.export.window import Window
from dev.docs_pages import REPOSITORY, blocks_of
from tests.support.backfills import NOW, publish
from tests.support.backfills import utc_moment as day
from tests.support.samples import DAY
from tests.support.stores import local_store

HEAD = """
from datetime import UTC, datetime, timedelta
from airflow.sdk import DAG
from airflow.timetables.interval import CronDataIntervalTimetable
from airflow_provider_convexport.operators.ada import AdaExportOperator
from airflow_provider_convexport.operators.agentx import AgentXExportOperator
from airflow_provider_convexport.timetables.export_window import ExportWindowTimetable
"""

GUIDE = REPOSITORY / "docs" / "how-to" / "backfill.md"


@pytest.fixture
def dag_of(tmp_path, monkeypatch, airflow_db):
    """Return the Dag ``mine`` of a file whose body is given."""
    folder = tmp_path / "dags"
    folder.mkdir()
    bundle = {
        "name": "dags-folder",
        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
        "kwargs": {"path": str(folder)},
    }
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps([bundle]))

    def read(body, schedule):
        tasks = "\n".join(f"    {line}" for line in dedent(body).strip().splitlines())
        source = (
            f'{HEAD}\nwith DAG("mine", schedule={schedule}, start_date=datetime(2026, 1, 1, tzinfo=UTC)):\n'
        )
        (folder / "airflow_dag.py").write_text(source + tasks)
        return read_dag("mine")

    return read


def planned(dag, start, end):
    def store_of(task):
        return store_at(task.destination) if task.destination else None

    return plan_dag(dag, start=start, end=end, store_of=store_of, now=NOW)


def test_the_schedule_tasks_and_destinations_are_the_dags_own(dag_of, tmp_path):
    dag = dag_of(
        f"""
        AdaExportOperator(task_id="conversations", destination="{tmp_path}/c", pool="mine")
        AdaExportOperator(
            task_id="messages", stream="messages", destination="{tmp_path}/m", pool="mine",
            request_window=timedelta(days=7),
        )
        """,
        "ExportWindowTimetable('weeks', timezone='Europe/Berlin')",
    )
    start = dag.moment("2026-03-09")
    publish(local_store(tmp_path / "c"), day(2026, 3, 8, 23), day(2026, 3, 15, 23), partition_by="hour")

    plan = planned(dag, start, dag.moment("2026-03-23"))

    assert start == day(2026, 3, 8, 23), "a day of Berlin"
    assert [run.window for run in plan.runs] == [
        Window(start, start + 7 * DAY),
        Window(start + 7 * DAY, start + 14 * DAY),
    ]
    assert [run.state for run in plan.runs] == ["to export"] * 2, "one task has published, the other not"
    assert (plan.requests, [run.requests for run in plan.runs]) == (4, [2, 2])
    assert dag_commands(plan, is_usable=lambda name: False) == [
        'airflow pools set mine 2 "Exports"',
        "airflow dags unpause mine",
        "airflow backfill create --dag-id mine --from-date 2026-03-08T23:00:00Z "
        "--to-date 2026-03-15T23:00:00Z --max-active-runs 2",
    ]
    assert dag_commands(plan, is_usable=lambda name: name == "mine")[0] == "airflow dags unpause mine"
    assert '\nairflow pools get mine || airflow pools set mine 2 "Exports"\n' in dag_plan_text(plan)
    text = dag_plan_text(plan)
    assert "  messages: Ada messages, 7 days per request, at least 2 requests\n" in text
    assert json.loads(json.dumps(dag_plan_values(plan)))["timezone"] == "Europe/Berlin"


def test_a_dag_whose_tasks_have_published_everything_has_nothing_to_do(dag_of, tmp_path):
    dag = dag_of(
        f'AdaExportOperator(task_id="c", destination="{tmp_path}/c")',
        "CronDataIntervalTimetable('@daily', timezone='UTC')",
    )
    publish(local_store(tmp_path / "c"), day(2026, 3, 1), day(2026, 3, 4))

    plan = planned(dag, day(2026, 3, 1), day(2026, 3, 4))

    assert [run.state for run in plan.runs] == ["published"] * 3
    assert dag_plan_text(plan).endswith("There is nothing to do.")


def test_days_that_are_published_divide_the_backfill(dag_of, tmp_path):
    dag = dag_of(
        f'AdaExportOperator(task_id="c", destination="{tmp_path}/c")',
        "CronDataIntervalTimetable('@daily', timezone='UTC')",
    )
    publish(local_store(tmp_path / "c"), day(2026, 3, 2), day(2026, 3, 3))

    plan = planned(dag, day(2026, 3, 1, 12), day(2026, 3, 4))

    assert [run.window.start for run in plan.to_export] == [day(2026, 3, 1), day(2026, 3, 3)]
    assert len(dag_commands(plan)) == 3, "no command for the pool that exists anyway"
    assert "A Dag takes one backfill at a time" in dag_plan_text(plan)


def test_mapped_tasks_count_once_for_each_bot(dag_of, tmp_path):
    dag = dag_of(
        f"""
        AgentXExportOperator.partial(task_id="c", destination="{tmp_path}/c").expand(bot_name=["one", "two"])
        """,
        "CronDataIntervalTimetable('@daily', timezone='UTC')",
    )
    publish_bot = {"bot_name": "one"}

    plan = planned(dag, day(2026, 3, 1), day(2026, 3, 3))

    assert [each.task.label for each in plan.tasks] == ["c[one]", "c[two]"]
    assert [each.task.scope for each in plan.tasks] == [publish_bot, {"bot_name": "two"}]
    assert plan.requests == 2 * 2


def test_a_task_with_an_interval_of_its_own_counts_and_decides_nothing(dag_of, tmp_path):
    dag = dag_of(
        f"""
        AdaExportOperator(task_id="c", destination="{tmp_path}/c")
        AdaExportOperator(
            task_id="again", destination="{tmp_path}/c",
            interval_start="{{{{ data_interval_start.subtract(days=7).isoformat() }}}}",
            interval_end="{{{{ data_interval_start.isoformat() }}}}",
        )
        """,
        "CronDataIntervalTimetable('@daily', timezone='UTC')",
    )
    publish(local_store(tmp_path / "c"), day(2026, 3, 1), day(2026, 3, 2))

    plan = planned(dag, day(2026, 3, 1), day(2026, 3, 3))

    assert [run.state for run in plan.runs] == ["published", "to export"]
    assert plan.requests == 2
    assert dag.tasks[1].interval_of(plan.runs[1].window) == Window(day(2026, 2, 23), day(2026, 3, 2))


def test_a_destination_that_only_a_run_can_fill_in_is_not_read(dag_of):
    dag = dag_of(
        """AdaExportOperator(task_id="c", destination="{{ var.value.root }}/c")""",
        "ExportWindowTimetable.for_vendor('ada')",
    )

    assert "Its destination is a template" in dag_plan_text(planned(dag, day(2026, 3, 1), day(2026, 3, 2)))


def test_a_task_that_would_fail_for_what_is_lost_is_named(dag_of, tmp_path):
    dag = dag_of(
        f'AdaExportOperator(task_id="c", destination="{tmp_path}/c")',
        "ExportWindowTimetable.for_vendor('ada')",
    )

    text = dag_plan_text(planned(dag, day(2025, 11, 1), day(2026, 1, 1)))

    assert "c would fail, because the vendor no longer keeps all of it; set on_expired" in text
    assert "No longer kept by the vendor and not published: 2025-11-01T00:00:00Z..2025-11-21T08" in text


@pytest.mark.parametrize(
    ("body", "schedule", "sentence"),
    [
        ("pass", "None", "has no export operator of this package"),
        ('AdaExportOperator(task_id="c", destination="/x/c")', "None", "gives its runs no data interval"),
        ('AdaExportOperator(task_id="c", destination="/x/c")', "'@daily'", "gives its runs no data interval"),
        ("1 / 0", "None", "There is no Dag mine in the Dags folder.*airflow_dag.py"),
    ],
)
def test_what_cannot_be_planned_is_said_in_one_sentence(dag_of, body, schedule, sentence):
    with pytest.raises(ConfigurationError, match=sentence) as caught:
        planned(dag_of(body, schedule), day(2026, 3, 1), day(2026, 3, 3))

    assert "\n" not in str(caught.value)


class FakeAirflow:
    """An Airflow whose backfills need some looks until they are completed, and that takes one at a time."""

    def __init__(self, *, looks=2, failed=0, code=0):
        self.looks, self.failed, self.code = looks, failed, code
        self.calls, self.lines, self.made, self.left = [], [], 0, 0
        self.left_out = ()

    def call(self, arguments):
        self.calls.append(arguments)
        if arguments[0] == "backfill":
            assert self.left == 0, "a Dag takes one backfill at a time"
            self.made += self.code == 0
            self.left = self.looks
        return self.code, "first\nlast line\n"

    def latest(self, dag_id):
        if not self.made:
            return None
        done = self.looks - self.left
        return BackfillState(
            self.made, self.looks, done, self.failed, is_completed=self.left == 0, left_out=self.left_out
        )

    def sleep(self, seconds):
        self.left -= 1

    def run(self, *commands):
        return BackfillRunner("mine", self.lines.append, self.call, self.latest, self.sleep).run(commands)


CREATE = "airflow backfill create --dag-id mine --from-date 2026-03-0{}T00:00:00Z"


def test_backfills_run_one_after_another_and_tell_how_far_they_are():
    airflow = FakeAirflow()

    assert airflow.run('airflow pools set p 2 "All of it"', CREATE.format(1), CREATE.format(3)) == 0

    assert airflow.calls[0] == ["pools", "set", "p", "2", "All of it"]
    assert airflow.made == 2
    assert airflow.lines[1:5] == [
        f"[2 of 3] {CREATE.format(1)}",
        "  0 of 2 runs finished",
        "  1 of 2 runs finished",
        "  2 of 2 runs finished, completed",
    ]


def test_the_guide_shows_what_is_told_meanwhile():
    (block,) = (block for block in blocks_of(GUIDE) if "runs finished" in block.text)
    commands = re.findall(r"^\[\d of \d\] (.*)$", block.text, re.MULTILINE)
    windows = iter((1, 2))

    class Airflow(FakeAirflow):
        """Each backfill is completed a look after its last run has finished, as by a scheduler."""

        def call(self, arguments):
            if arguments[0] == "backfill":
                self.looks = self.runs = next(windows)
                self.looks += 1
            return super().call(arguments)

        def latest(self, dag_id):
            state = super().latest(dag_id)
            return state and state._replace(runs=self.runs, finished=min(state.finished, self.runs))

    airflow = Airflow()

    assert airflow.run(*commands) == 0

    assert [*airflow.lines, "All runs have succeeded."] == block.text.splitlines()
    plan = next(block.text for block in blocks_of(GUIDE) if block.output == "backfill.plan")
    assert "\n".join(commands) in plan, "the commands are those of the plan that the page shows"


def test_failed_runs_are_counted():
    assert FakeAirflow(failed=1).run(CREATE.format(1), CREATE.format(3)) == 2


def test_a_run_that_airflow_does_not_make_is_named_and_counted():
    airflow = FakeAirflow()
    airflow.left_out = ("2026-03-01T00:00:00Z",)

    assert airflow.run(CREATE.format(1)) == 1

    assert airflow.lines[-1].startswith("  Airflow has left out 2026-03-01T00:00:00Z, because mine already")


def test_a_command_that_fails_ends_the_run_with_its_last_line():
    with pytest.raises(ConfigurationError, match=r"This command failed: airflow backfill .* \(last line\)"):
        FakeAirflow(code=1).run(CREATE.format(1), CREATE.format(3))
