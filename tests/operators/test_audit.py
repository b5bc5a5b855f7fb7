from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from airflow.sdk import Asset

from airflow_provider_convexport.audit.report import FAILED_AUDIT_KEY
from airflow_provider_convexport.compat import AirflowFailException, AirflowSkipException
from airflow_provider_convexport.errors import IncompleteExportError
from airflow_provider_convexport.operators.audit import ExportAuditOperator
from tests.support.audits import AUDITED, export_all, records_of
from tests.support.exports import export
from tests.support.outlet_events import ByAsset
from tests.support.samples import DAY
from tests.support.streams import case_of

pytestmark = pytest.mark.slow


def operator_of(root, **kwargs):
    arguments = {
        "conn_id": "ada_default",
        "destination": str(root / "ada-conversations"),
        "beside": str(root / "ada-messages"),
        **kwargs,
    }
    return ExportAuditOperator(task_id="audit", **arguments)


def audited(root, **kwargs):
    times = {name: kwargs.pop(name) for name in ("start", "end", "events", "ti") if name in kwargs}
    return run(operator_of(root, **kwargs), **times)


def run(operator, *, start=AUDITED, end=AUDITED + DAY, events=None, ti=None):
    context = {
        "data_interval_start": start,
        "data_interval_end": end,
        "run_id": "scheduled__1",
        "outlet_events": events or {},
        "ti": ti,
    }
    return operator.execute(context)


@pytest.fixture
def with_a_gap(simulator, tmp_path):
    lost = records_of(simulator, case_of("ada"))[0]["_id"]
    simulator.update(leave_out=(f"ada/conversations/{lost}",))
    export_all("ada", tmp_path)
    simulator.update(leave_out=())
    simulator.reset()
    return tmp_path


def test_the_event_of_an_outlet_says_which_days_have_gaps(with_a_gap):
    asset = Asset("audit", uri=f"file://{with_a_gap}/audit")
    event = SimpleNamespace(extra={})

    facts = audited(
        with_a_gap, end=AUDITED + 2 * DAY, share=1, outlets=[asset], events=ByAsset((asset, event))
    )

    audit = facts["audit"]
    assert event.extra == facts
    assert {name: facts[name] for name in ("vendor", "stream", "scope", "dataset")} == {
        "vendor": "ada",
        "stream": "conversations",
        "scope": {},
        "dataset": f"file://{with_a_gap}/ada-conversations",
    }
    assert [(key, each["ok"], each["gaps"], each["changed"]) for key, each in audit.items()] == [
        (f"{AUDITED:%Y-%m-%d}", False, 1, 0),
        (f"{AUDITED + DAY:%Y-%m-%d}", True, 0, 0),
    ]
    assert all(set(each) == {"ok", "gaps", "changed", "commit"} for each in audit.values())


def test_the_log_says_what_to_do_about_a_gap(with_a_gap, caplog):
    audited(with_a_gap)

    text = " ".join(caplog.text.split())
    assert "ada-conversations/dt=" in text
    assert "has 1 gap (content 1 late" in text
    assert "Late records are in the vendor's export now: export the interval again." in text


class LeftByTheTask(dict):
    """A task instance that keeps what is pushed as XComs."""

    def xcom_push(self, key, value):
        self[key] = value


@pytest.mark.parametrize("outlets", [[], [Asset("audit")]])
def test_gaps_fail_the_task_without_retry_if_they_are_to(with_a_gap, outlets):
    """It sends no event then, so a task with an outlet leaves the same facts for the coverage page."""
    left = LeftByTheTask()
    event = SimpleNamespace(extra={})
    events = ByAsset(*((asset, event) for asset in outlets))
    with pytest.raises(AirflowFailException, match="requests: 1 gap"):
        audited(with_a_gap, on_gap="fail", outlets=outlets, events=events, ti=left)

    assert event.extra == {}
    assert list(left) == [FAILED_AUDIT_KEY] * len(outlets)
    for facts in left.values():
        assert facts == audited(with_a_gap)


def test_an_audit_without_gaps_leaves_nothing_but_its_event(simulator, tmp_path):
    export_all("ada", tmp_path)
    left, event, asset = LeftByTheTask(), SimpleNamespace(extra={}), Asset("audit")
    audited(tmp_path, on_gap="fail", outlets=[asset], events=ByAsset((asset, event)), ti=left)

    assert left == {}
    assert event.extra["audit"]


@pytest.mark.parametrize(("on_gap", "severity"), [("warn", "warn"), ("fail", "error")])
def test_openlineage_is_told_which_checks_hold(with_a_gap, on_gap, severity):
    operator = operator_of(with_a_gap, on_gap=on_gap)
    with pytest.raises(AirflowFailException) if on_gap == "fail" else nullcontext():
        run(operator)

    lineage = operator.get_openlineage_facets_on_complete(None)

    ((read,), written) = (lineage.inputs, lineage.outputs)
    assert written == []
    assert (read.namespace, read.name) == ("file", f"{with_a_gap}/ada-conversations")
    (day,) = read.inputFacets["subset"].inputCondition.partitions
    assert day.dimensions == {"dt": f"{AUDITED:%Y-%m-%d}"}
    found = {each.name: each for each in read.inputFacets["dataQualityAssertions"].assertions}
    assert {name for name, each in found.items() if not each.success} <= {"content", "edges"}
    content = found["content"]
    assert (content.severity, content.expected, content.actual) == (severity, "0", "1")


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        ({"share": 0}, "above 0 and up to 1"),
        ({"share": "all"}, "above 0 and up to 1"),
        ({"share": True}, "above 0 and up to 1"),
        ({"on_gap": "stop"}, "on_gap='stop' is not one of"),
        ({"scope": {"bot_name": "b"}}, "does not exist at Ada"),
        ({"scope": "b"}, "does not exist at Ada"),
        ({"beside": 5}, "beside=5 names no destination"),
        ({"conn_id": "nobody"}, "The connection nobody does not exist"),
        ({"destination": "relative"}, "not an absolute path"),
    ],
)
def test_a_wrong_argument_is_named_before_any_request(arguments, advice, with_a_gap, simulator, airflow_db):
    with pytest.raises(AirflowFailException, match=advice):
        audited(with_a_gap, **arguments)

    assert simulator.request_log.requests == []


def test_a_folder_above_several_datasets_is_refused_before_any_request(with_a_gap, simulator):
    with pytest.raises(AirflowFailException, match="several datasets"):
        audited(with_a_gap, destination=str(with_a_gap))

    assert simulator.request_log.requests == []


def test_another_account_is_refused_before_any_request(with_a_gap, simulator, connect):
    connect("ada", simulator.url.replace("127.0.0.1", "localhost"), key=simulator.settings.key_of("ada"))

    with pytest.raises(AirflowFailException, match=r"exported from the account '127\.0\.0\.1"):
        audited(with_a_gap)

    assert simulator.request_log.requests == []


def test_what_is_not_published_cannot_be_audited(simulator, tmp_path):
    with pytest.raises(IncompleteExportError, match="export it first"):
        audited(tmp_path)


def test_a_day_that_has_not_settled_is_skipped(simulator, tmp_path):
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    day = today, today + timedelta(days=1)
    export(case_of("ada"), tmp_path / "ada-conversations", *day, on_unsettled="export")
    simulator.reset()

    with pytest.raises(AirflowSkipException, match="1 not settled"):
        audited(tmp_path, start=day[0], end=day[1])

    assert simulator.request_log.requests == []


def test_the_bot_can_be_named_by_the_scope(simulator, tmp_path):
    case, bot = case_of("agentx"), simulator.settings.agentx_bots[1]
    export(case, tmp_path / "c", AUDITED, AUDITED + DAY, bot_name=bot)

    facts = audited(
        tmp_path,
        conn_id="agentx_default",
        destination=str(tmp_path / "c"),
        beside=[],
        scope={"bot_name": bot},
    )

    assert facts["scope"] == {"bot_name": bot}
    assert [each["ok"] for each in facts["audit"].values()] == [True]
