from __future__ import annotations

import json

import pytest

from airflow_provider_convexport.cli.plan_text import plan_text, plan_values, shell_commands
from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.export.window import Window
from airflow_provider_convexport.hooks.ada import AdaHook
from airflow_provider_convexport.timetables.export_window import ExportWindowTimetable
from tests.support.backfills import plan, publish
from tests.support.backfills import utc_moment as day
from tests.support.stores import local_store


def test_a_plan_reads_like_this():
    assert plan_text(plan("agentx", day(2026, 9, 1), day(2026, 9, 10))).splitlines() == [
        "Backfill of AgentX Support conversations for 2026-09-01T00:00:00Z..2026-09-10T00:00:00Z:",
        "",
        "data interval                               days requests  state",
        "2026-08-31T00:00:00Z..2026-09-07T00:00:00Z     7        7  to export",
        "2026-09-07T00:00:00Z..2026-09-14T00:00:00Z     7        7  to export",
        "",
        "Runs: 2; 2 to export.",
        "Requests: at least 14, if the records of each request window (1 day) fit on one page; runs of one "
        "day would take at least 14.",
        "Time: at least 4 seconds at the vendor's rate limits (requests: 3 per second per endpoint).",
        "AgentX Support states no maximum for a request window; set the operator's request_window= to ask "
        "for more than 1 day per request.",
        "",
        "The commands need a Dag agentx_windows with the schedule "
        'ExportWindowTimetable.for_vendor("agentx"). '
        "If yours has another, name it with --dag-id, which reads its schedule. Otherwise run:",
        "",
        "airflow pools get convexport_agentx || "
        'airflow pools set convexport_agentx 2 "Exports from AgentX Support"',
        "airflow dags unpause agentx_windows",
        "airflow backfill create --dag-id agentx_windows --from-date 2026-08-31T00:00:00Z "
        "--to-date 2026-09-07T00:00:00Z --max-active-runs 2",
    ]


def test_the_values_for_programs_are_json_and_say_the_same():
    planned = plan(start=day(2025, 11, 1), end=day(2026, 1, 1), dag_id="mine")

    values = json.loads(json.dumps(plan_values(planned)))

    assert values["runs"][0] == {
        "interval": ["2025-09-28T00:00:00Z", "2025-11-26T00:00:00Z"],
        "state": "to export",
        "kept": ["2025-11-21T08:00:00Z", "2025-11-26T00:00:00Z"],
        "requests": 1,
    }
    assert values["asked"] == ["2025-11-01T00:00:00Z", "2026-01-01T00:00:00Z"]
    assert values["expired"] == [["2025-11-01T00:00:00Z", "2025-11-21T08:00:00Z"]]
    assert (values["requests"], values["least_seconds"]) == (2, 0.0)
    assert (values["published"], values["gaps"]) == (None, None)
    assert "--dag-id mine " in values["commands"][2]


def test_no_time_at_all_is_written_in_words():
    assert "Time: less than a second at the vendor's rate limits" in plan_text(plan())


def test_a_request_window_is_written_in_words():
    assert "each request window (59 days) fit on one page" in plan_text(plan())


def test_the_commands_prepare_pool_and_dag_and_then_create_one_backfill_for_consecutive_runs():
    pool, unpause, *backfills = shell_commands(plan(dag_id="mine"), is_usable=lambda name: False)

    assert pool == f'airflow pools set convexport_ada {AdaHook.pool_slots} "Exports from Ada"'
    assert unpause == "airflow dags unpause mine"
    assert backfills == [
        "airflow backfill create --dag-id mine --from-date 2025-11-26T00:00:00Z "
        f"--to-date 2026-03-24T00:00:00Z --max-active-runs {AdaHook.pool_slots}"
    ]


def test_no_command_changes_a_pool_that_tasks_can_run_in():
    unpause, _ = shell_commands(plan(dag_id="mine"), is_usable=lambda name: name == "convexport_ada")

    assert unpause == "airflow dags unpause mine"


def test_values_of_a_plan_with_a_destination_name_what_is_published_there(tmp_path):
    store = local_store(tmp_path)
    publish(store, day(2026, 1, 1), day(2026, 1, 3))

    values = plan_values(plan(store=store))

    assert values["published"] == [["2026-01-01T00:00:00Z", "2026-01-03T00:00:00Z"]]
    assert values["gaps"] == [["2026-01-03T00:00:00Z", "2026-04-01T00:00:00Z"]]
    assert values["overlaps"] == []


def test_the_schedule_that_the_commands_need_is_named_before_them():
    schedule = ExportWindowTimetable.for_vendor("ada", stream="messages", size=7, timezone="Europe/Berlin")

    text = plan_text(plan(stream="messages", timetable=schedule))

    named = 'ExportWindowTimetable.for_vendor("ada", stream="messages", size=7, timezone="Europe/Berlin")'
    assert text.index(named) < text.index("airflow backfill create")


def test_what_to_wait_for_between_two_backfills_is_said(tmp_path):
    store = local_store(tmp_path)
    second = plan().runs[1].window
    assert "takes one backfill at a time" not in plan_text(plan())

    publish(store, second.start, second.end)

    assert "A Dag takes one backfill at a time" in plan_text(plan(store=store)).splitlines()[-1]


def test_what_is_published_by_another_time_or_with_filters_does_not_count(tmp_path):
    store = local_store(tmp_path)
    publish(store, day(2026, 1, 1), day(2026, 1, 3))

    assert plan(store=store, window_on="created").published
    with pytest.raises(ConfigurationError, match=r"holds conversations by created, .* by updated; name"):
        plan(store=store, window_on="updated")


def test_what_is_lost_is_listed_without_what_is_published_and_with_the_beginning_of_published_windows(
    tmp_path,
):
    store = local_store(tmp_path)
    start, end = day(2025, 11, 1), day(2026, 1, 1)
    begin = day(2025, 11, 21, 8)
    publish(store, day(2025, 11, 10), day(2025, 11, 12))
    publish(store, day(2025, 11, 21), day(2026, 2, 1))

    planned = plan(start=start, end=end, store=store)

    assert [run.state for run in planned.runs] == ["published", "published"]
    assert planned.runs[0].lost == Window(day(2025, 9, 28), begin)
    assert planned.expired == [
        Window(start, day(2025, 11, 10)),
        Window(day(2025, 11, 12), day(2025, 11, 21)),
    ]
