from __future__ import annotations

import json

from airflow_provider_convexport.cli.plan import plan_text, plan_values, shell_commands
from airflow_provider_convexport.hooks.ada import AdaHook
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
        "The Dag agentx_windows must have the schedule that these data intervals come from. Then run:",
        "",
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
    assert "Time: at least 0 seconds at the vendor's rate limits" in plan_text(plan())


def test_a_request_window_is_written_in_words():
    assert "each request window (59 days) fit on one page" in plan_text(plan())


def test_the_commands_prepare_pool_and_dag_and_then_create_one_backfill_for_consecutive_runs():
    pool, unpause, *backfills = shell_commands(plan(dag_id="mine"))

    assert pool == f'airflow pools set convexport_ada {AdaHook.pool_slots} "Exports from Ada"'
    assert unpause == "airflow dags unpause mine"
    assert backfills == [
        "airflow backfill create --dag-id mine --from-date 2025-11-26T00:00:00Z "
        f"--to-date 2026-03-24T00:00:00Z --max-active-runs {AdaHook.pool_slots}"
    ]


def test_values_of_a_plan_with_a_destination_name_what_is_published_there(tmp_path):
    store = local_store(tmp_path)
    publish(store, day(2026, 1, 1), day(2026, 1, 3))

    values = plan_values(plan(store=store))

    assert values["published"] == [["2026-01-01T00:00:00Z", "2026-01-03T00:00:00Z"]]
    assert values["gaps"] == [["2026-01-03T00:00:00Z", "2026-04-01T00:00:00Z"]]
    assert values["overlaps"] == []
