"""What the backfill planner predicts is what the simulator then counts."""

from __future__ import annotations

import pytest

from airflow_provider_convexport.cli.backfill_plan import plan_backfill
from airflow_provider_convexport.cli.plan_text import plan_text
from airflow_provider_convexport.destination import store_at
from airflow_provider_convexport.export.fetch import window_reading
from tests.support.exports import export
from tests.support.published import partitions
from tests.support.samples import DAY
from tests.support.streams import MIDNIGHT, STREAMS, case_of

DENSITY = {"empty": 0, "sparse": 40, "dense": 900}


def plan_of(case, start, end, **arguments):
    return plan_backfill(case.vendor, stream=case.stream, start=start, end=end, **arguments)


def carry_out(planned, case, folder, **arguments):
    for run in planned.to_export:
        window = run.window
        export(case, folder, window.start, window.end, run_id=f"backfill__{window}", **arguments)


@pytest.fixture(autouse=True)
def _nothing_to_find_out(monkeypatch):
    """A plan does not count the few requests that find out by which time a vendor's window selects."""
    monkeypatch.setattr(window_reading, "probe", lambda *args, **kwargs: None)


@pytest.mark.parametrize("records", DENSITY.values(), ids=DENSITY)
@pytest.mark.parametrize("case", STREAMS, ids=str)
def test_the_predicted_requests_are_those_that_the_vendor_counts(simulator, tmp_path, case, records):
    """Data within one page per request window."""
    simulator.update(records=records, seams=False)
    planned = plan_of(case, MIDNIGHT - 90 * DAY, MIDNIGHT - 62 * DAY)

    carry_out(planned, case, tmp_path)

    assert len(simulator.request_log.requests) == planned.requests > 0
    assert f"Requests: at least {planned.requests}," in plan_text(planned)


@pytest.mark.parametrize("case", STREAMS, ids=str)
def test_a_wider_request_window_is_predicted_too(simulator, tmp_path, case):
    simulator.update(records=40, seams=False)
    length = 7 * DAY
    planned = plan_of(case, MIDNIGHT - 90 * DAY, MIDNIGHT - 62 * DAY, request_window=length)

    carry_out(planned, case, tmp_path, request_window=length)

    assert len(simulator.request_log.requests) == planned.requests


@pytest.mark.parametrize("case", STREAMS, ids=str)
def test_daily_runs_cost_what_the_plan_says_they_would(simulator, tmp_path, case):
    simulator.update(records=40, seams=False)
    planned = plan_of(case, MIDNIGHT - 40 * DAY, MIDNIGHT - 39 * DAY)

    for run in planned.to_export:
        for day in run.window.split(DAY):
            export(case, tmp_path, day.start, day.end)

    assert len(simulator.request_log.requests) == planned.daily_requests


@pytest.mark.parametrize("case", STREAMS, ids=str)
def test_after_the_backfill_the_plan_has_nothing_left_to_do(simulator, tmp_path, case):
    simulator.update(records=40)
    start, end = MIDNIGHT - 90 * DAY, MIDNIGHT - 62 * DAY
    carry_out(plan_of(case, start, end), case, tmp_path)

    again = plan_of(case, start, end, store=store_at(str(tmp_path)))

    assert (again.to_export, again.gaps, again.overlaps) == ([], [], ())
    assert again.published == (again.span,)
    assert len(partitions(tmp_path)) == again.span.length // DAY


def test_a_clipped_backfill_costs_what_the_plan_says(simulator, tmp_path):
    """The simulator is told to refuse what lies before Ada's history."""
    case = case_of("ada")
    simulator.update(records=400, seams=False, days=400, ada_history_days=365)
    planned = plan_of(case, MIDNIGHT - 395 * DAY, MIDNIGHT - 300 * DAY)
    assert planned.runs[0].kept is not None or planned.runs[1].kept is not None

    carry_out(planned, case, tmp_path, on_expired="clip")

    assert len(simulator.request_log.requests) == planned.requests
    published = plan_of(case, MIDNIGHT - 395 * DAY, MIDNIGHT - 300 * DAY, store=store_at(str(tmp_path)))
    assert published.to_export == []
