from __future__ import annotations

import pytest

from airflow_provider_convexport.export.fetch.usage import Usage
from airflow_provider_convexport.export.stage.progress import Progress
from airflow_provider_convexport.operators import telemetry
from airflow_provider_convexport.operators.telemetry import STATE_KEY, progress_writer
from tests.support.exports import export
from tests.support.samples import DAY
from tests.support.streams import MIDNIGHT, case_of

PROGRESS = Progress(records=5, usage=Usage(requests=1, pages=1), share=0.5, seconds=2.0)


class StateStore(dict):
    def set(self, key, value, *, retention=None):
        self[key] = value


class BrokenStore:
    def set(self, key, value, *, retention=None):
        raise RuntimeError("the API server is away")


def test_progress_goes_to_the_task_state_store():
    store = StateStore()

    progress_writer({"task_state_store": store})(PROGRESS)

    assert store[STATE_KEY]["records"] == 5
    assert store[STATE_KEY]["share"] == 0.5
    assert "estimated_end" in store[STATE_KEY]


def test_a_state_store_that_fails_does_not_fail_the_export():
    progress_writer({"task_state_store": BrokenStore()})(PROGRESS)


@pytest.mark.parametrize("context", [{}, {"task_state_store": None}])
def test_without_a_state_store_as_before_airflow_3_3_nothing_is_written(context):
    assert progress_writer(context) is None


def test_an_export_counts_its_records_pages_requests_and_seconds(simulator, tmp_path, monkeypatch):
    counted: dict[str, float] = {}

    class Stats:
        incr = gauge = staticmethod(counted.__setitem__)

    monkeypatch.setattr(telemetry, "Stats", Stats)

    facts = export(case_of("agentx", "messages"), tmp_path, MIDNIGHT - 9 * DAY, MIDNIGHT - 8 * DAY)

    assert counted["convexport.agentx.messages.records"] == facts["records"] > 0
    assert counted["convexport.agentx.messages.pages"] == 1
    assert counted["convexport.agentx.messages.requests"] == 1
    assert set(counted) == {
        f"convexport.agentx.messages.{name}"
        for name in ("records", "pages", "requests", "throttled", "seconds")
    }
