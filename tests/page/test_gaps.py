from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from airflow_provider_convexport.page.events import Source
from airflow_provider_convexport.page.extra import decoded
from airflow_provider_convexport.page.gaps import days_command, gaps_of
from airflow_provider_convexport.page.model import cells
from tests.support.page_events import as_text, export_extra
from tests.support.page_models import FIRST, dataset, moment, publish

ROOT = "s3://bucket/raw"
APRIL_20 = date(2026, 4, 20)


def at(day, hour=0):
    return datetime(2026, 4, day, hour, tzinfo=UTC)


def seconds(moment):
    return None if moment is None else moment.timestamp()


def feed(run, exported, *, dag="dag", is_paused=False):
    """Return a task with the data interval of its newest run and what that exported."""
    extra = decoded(
        as_text(
            {
                **export_extra(ROOT, APRIL_20),
                "interval": [each.isoformat().replace("+00:00", "Z") for each in exported],
            }
        )
    )
    start, end = run or (None, None)
    return (
        Source(1, "a", "x://a", dag, "export", -1, "run", 0.0, 0.0, "", seconds(start), seconds(end), None,
               is_paused, "@daily"),
        extra,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("run", "exported", "first", "last"),
    [
        pytest.param(
            (at(20), at(21)), (at(20), at(21)), "2026-04-04T00:00:00Z", "2026-04-06T00:00:00Z", id="days"
        ),
        pytest.param(
            (at(20, 5), at(20, 6)),
            (at(20, 5), at(20, 6)),
            "2026-04-04T00:00:00Z",
            "2026-04-06T23:00:00Z",
            id="hours",
        ),
        pytest.param(
            (at(11), at(21)), (at(11), at(21)), "2026-03-26T00:00:00Z", "2026-04-06T00:00:00Z", id="windows"
        ),
        pytest.param(
            (at(20), at(21)), (at(13), at(20)), "2026-04-05T00:00:00Z", "2026-04-07T00:00:00Z", id="lookback"
        ),
    ],
)
def test_the_command_creates_the_runs_that_export_the_gap(run, exported, first, last):
    command = days_command(dataset(), date(2026, 4, 4), date(2026, 4, 6), [feed(run, exported)])

    assert command == (
        f"airflow backfill create --dag-id dag --from-date {first} --to-date {last} --max-active-runs 2 "
        "--reprocess-behavior completed"
    )


def test_the_command_prefers_the_task_that_exports_its_own_interval():
    feeds = [
        feed((at(20), at(21)), (at(20), at(21)), dag="own"),
        feed((at(20), at(21)), (at(13), at(20)), dag="again"),
    ]

    assert "--dag-id own " in days_command(dataset(), date(2026, 4, 4), date(2026, 4, 4), feeds)


def test_a_dag_without_a_schedule_is_triggered_for_the_gap():
    command = days_command(
        dataset(), date(2026, 4, 4), date(2026, 4, 5), [feed(None, (at(1), at(20)), dag="by_hand")]
    )

    interval = '["2026-04-04T00:00:00Z", "2026-04-06T00:00:00Z"]'
    assert command == f"""airflow dags trigger by_hand --conf '{{"interval": {interval}}}'"""


def test_a_gap_repeats_failed_runs_and_a_failed_audit_all_of_them():
    made = publish(publish(dataset(), 1), 3)
    calendar = cells(made, range(FIRST, FIRST + 3), now=moment(5))
    feeds = [feed((at(3), at(4)), (at(3), at(4)), is_paused=True)]
    gap = gaps_of(made, calendar, feeds)[0]

    assert (gap.state, gap.first, gap.last, gap.is_paused) == (
        "missing",
        date(2026, 4, 2),
        date(2026, 4, 2),
        True,
    )
    assert gap.command.endswith("--reprocess-behavior failed")


def test_a_gap_without_a_dag_has_no_command():
    made = publish(publish(dataset(), 1), 3)

    assert gaps_of(made, cells(made, range(FIRST, FIRST + 3), now=moment(5)), [])[0].command == ""
