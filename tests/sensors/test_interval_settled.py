from __future__ import annotations

import json
import runpy
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pendulum
import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from airflow.providers.standard.triggers.temporal import DateTimeTrigger
from airflow.utils.state import DagRunState

from airflow_provider_convexport.compat import AirflowFailException, AirflowRescheduleException
from airflow_provider_convexport.hooks.ada import AdaHook
from airflow_provider_convexport.interval import interval_of
from airflow_provider_convexport.operators.base import ExportOperator
from airflow_provider_convexport.sensors.interval_settled import ExportIntervalSettledSensor
from tests.support.exceptions import SensorTimeout

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MODES = pytest.mark.parametrize(
    "mode",
    [{"mode": "poke"}, {"mode": "reschedule"}, {"deferrable": True}],
    ids=["poke", "reschedule", "defer"],
)


def now():
    return datetime.now(UTC)


def run_until(end, **more):
    """The context of a run whose day ends at ``end``."""
    ti = SimpleNamespace(get_first_reschedule_date=lambda context: None)
    end = pendulum.instance(end)
    return {"data_interval_start": end - DAY, "data_interval_end": end, "ti": ti, **more}


def sensor(**arguments):
    return ExportIntervalSettledSensor(task_id="settled", **({"vendor": "ada"} | arguments))


@MODES
def test_an_interval_of_long_ago_passes_at_once(mode):
    assert sensor(**mode).execute(run_until(now() - 1000 * DAY)) is None


@MODES
def test_an_interval_passes_once_the_vendors_lag_is_over(mode):
    lag = AdaHook.streams["conversations"].settle

    assert lag > timedelta(0)
    sensor(**mode).execute(run_until(now() - lag))


def test_by_default_it_looks_every_minute_and_keeps_its_slot():
    waiting = sensor()

    assert (waiting.mode, waiting.poke_interval) == ("poke", 60)
    assert waiting.poke(run_until(now() - HOUR)) is False


def test_poking_ends_when_the_interval_has_settled():
    sensor(settle=timedelta(seconds=1), poke_interval=0.05).execute(run_until(now()))


def test_a_rescheduled_sensor_comes_back_when_the_interval_has_settled():
    end = now() + HOUR

    with pytest.raises(AirflowRescheduleException) as caught:
        sensor(mode="reschedule", settle=2 * HOUR).execute(run_until(end))

    assert abs(caught.value.reschedule_date - (end + 2 * HOUR)) < timedelta(seconds=5)


def test_a_rescheduled_sensor_comes_back_in_time_for_its_timeout():
    with pytest.raises(AirflowRescheduleException) as caught:
        sensor(mode="reschedule", timeout=600).execute(run_until(now() + DAY))

    assert caught.value.reschedule_date - now() < timedelta(seconds=605)


def test_a_sensor_that_has_waited_for_too_long_fails():
    context = run_until(now() + DAY)
    context["ti"].get_first_reschedule_date = lambda context: now() - HOUR

    with pytest.raises(SensorTimeout):
        sensor(mode="reschedule", timeout=600).execute(context)


class TestDeferring:
    def test_it_waits_in_the_triggerer_for_the_moment(self):
        end = now()

        with pytest.raises(TaskDeferred) as caught:
            sensor(deferrable=True, settle=HOUR, timeout=600).execute(run_until(end))

        assert isinstance(caught.value.trigger, DateTimeTrigger)
        assert caught.value.trigger.moment == end + HOUR
        assert caught.value.timeout == timedelta(seconds=600)

    def test_it_resumes_without_keyword_arguments_which_a_dag_test_drops(self):
        waiting = sensor(deferrable=True, settle=HOUR)
        with pytest.raises(TaskDeferred) as caught:
            waiting.execute(run_until(now()))

        assert caught.value.kwargs is None
        method = getattr(waiting, caught.value.method_name)
        method(run_until(now() - DAY), event=pendulum.now("UTC"))

    def test_a_trigger_whose_clock_is_ahead_is_not_believed(self):
        with pytest.raises(TaskDeferred):
            sensor(deferrable=True).resume(run_until(now()), event=pendulum.now("UTC"))

    def test_airflows_configuration_decides_unless_the_dag_does(self, monkeypatch):
        context = run_until(now() + DAY)
        monkeypatch.setenv("AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE", "True")

        with pytest.raises(TaskDeferred):
            sensor(mode="reschedule").execute(context)
        with pytest.raises(AirflowRescheduleException):
            sensor(mode="reschedule", deferrable=False).execute(context)

    def test_by_default_it_does_not(self):
        with pytest.raises(AirflowRescheduleException):
            sensor(mode="reschedule").execute(run_until(now() + DAY))


class TestInterval:
    def test_its_arguments_are_those_of_the_operators(self):
        assert set(ExportIntervalSettledSensor.template_fields) <= set(ExportOperator.template_fields)

    def test_explicit_ends_go_first(self):
        waiting = sensor(interval_start="2026-01-01T00:00:00Z", interval_end="2026-01-02T00:00:00Z")

        assert waiting.poke(run_until(now() + DAY)) is True

    def test_a_run_that_names_an_instant_has_a_period(self):
        instant = pendulum.instance(now())
        context = {"data_interval_start": instant, "data_interval_end": instant}

        assert sensor(period=DAY).poke(context) is False
        assert interval_of(context, period=DAY).end == instant

    def test_the_runs_conf_is_read(self):
        context = {"dag_run": SimpleNamespace(conf={"interval": ["2026-01-01T00:00Z", "2026-01-02T00:00Z"]})}

        assert sensor().poke(context) is True

    @MODES
    def test_a_run_without_an_interval_fails_without_retry(self, mode):
        with pytest.raises(AirflowFailException, match="no data interval"):
            sensor(**mode).execute({})


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        ({"vendor": None}, r"pass vendor='ada' \(or another\), or settle="),
        ({"vendor": "zendesk"}, r"use one of \['ada', 'agentx', 'applied_labs'\]"),
        ({"vendor": "applied_labs", "stream": "messages"}, r"use one of \['conversations'\]"),
        ({"settle": -HOUR}, "not a timedelta of zero or more"),
        ({"settle": 7200}, "settle=7200 is not a timedelta"),
        (
            {"settle": "2h"},
            r"settle='2h' is not a timedelta of zero or more; write settle=timedelta\(hours=2\)",
        ),
        ({"settle": timedelta.max}, r"is later than the year 9999; write settle=timedelta\(hours=2\)"),
    ],
)
def test_an_unknown_lag_fails_without_retry(arguments, advice):
    with pytest.raises(AirflowFailException, match=advice):
        sensor(**arguments).execute(run_until(now() - DAY))


def test_a_lag_of_its_own_needs_no_vendor():
    assert sensor(vendor=None, settle=timedelta(0)).poke(run_until(now())) is True


DAG_FILE = """
from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG

from airflow_provider_convexport.sensors.interval_settled import ExportIntervalSettledSensor

with DAG({dag_id!r}, schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
    ExportIntervalSettledSensor(
        task_id="settled",
        interval_start="{{{{ dag_run.conf['start'] }}}}",
        interval_end="{{{{ dag_run.conf['end'] }}}}",
        settle=timedelta(seconds=8),
        poke_interval=1,
        deferrable={deferrable},
    )
"""


# Airflow's whole API server runs in this process; what its libraries warn of is not ours to judge.
@pytest.mark.filterwarnings("ignore", "error:::airflow_provider_convexport")
@pytest.mark.usefixtures("airflow_db")
@pytest.mark.parametrize("deferrable", [True, False])
def test_a_dag_waits(deferrable, tmp_path, monkeypatch):
    local = "airflow.dag_processing.bundles.local.LocalDagBundle"
    bundle = {"name": "sensors", "classpath": local, "kwargs": {"path": str(tmp_path)}}
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps([bundle]))
    file = tmp_path / "settled.py"
    file.write_text(DAG_FILE.format(dag_id=f"settled_{deferrable}", deferrable=deferrable))
    end = now().replace(microsecond=0)

    run = runpy.run_path(str(file))["dag"].test(
        run_conf={"start": (end - DAY).isoformat(), "end": end.isoformat()}
    )

    assert run.state == DagRunState.SUCCESS
    assert now() >= end + timedelta(seconds=8)
