"""What the coverage page learns of an audit that failed its task: Airflow sends no event of such a task."""

from __future__ import annotations

import json
import re
import runpy
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.page_events import DAY, audit_extra, event_row, export_extra, midnight

# Airflow's whole API server runs in this process; what its libraries warn of is not ours to judge.
pytestmark = pytest.mark.filterwarnings("ignore", "error:::airflow_provider_convexport")

DAG_FILE = Path(__file__).parent / "dags" / "audits_that_fail.py"
ROOT = "s3://bucket/raw/ada/audited"
TODAY = datetime.now(UTC).date()
AUDITED = TODAY - 5 * DAY
VERSION = "c0ffee0000000001"
LEFT = {
    "audit": audit_extra(ROOT, AUDITED, ok=False, gaps=2, commit=VERSION),
    "audit_of_another": audit_extra("s3://bucket/raw/unknown", AUDITED, ok=False, gaps=2),
    "damaged": {
        "vendor": "ada",
        "stream": "messages",
        "dataset": ROOT,
        "audit": {"yesterday": {"ok": False}},
    },
    "foreign": [1, 2],
}


@pytest.fixture(scope="module", autouse=True)
def failed_audits(server):
    """A run whose tasks have each left something under the key of failed audits, and have failed."""
    from airflow.models.xcom import XComModel  # noqa: PLC0415 - the home comes first
    from airflow.utils.session import create_session  # noqa: PLC0415 - likewise
    from sqlalchemy import delete  # noqa: PLC0415 - likewise

    bundle = {
        "name": "of-the-test",
        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
        "kwargs": {"path": str(DAG_FILE.parent)},
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps([bundle]))
        dag = runpy.run_path(str(DAG_FILE))["dag"]
        run = dag.test(run_conf=LEFT)
    assert run.state == "failed"
    yield
    with create_session() as session:
        session.execute(delete(XComModel).where(XComModel.dag_id == dag.dag_id))


def exported(**more):
    return event_row(1, export_extra(ROOT, AUDITED, **more), midnight(AUDITED) + DAY + timedelta(hours=3))


def audited(at, **found):
    return event_row(1, audit_extra(ROOT, AUDITED, commit=VERSION, **found), at, task="audit")


def cell(get):
    """Return the state of the day, and what the page says of it."""
    (found,) = re.findall(rf'<td class="s (\w+)" title="{AUDITED}: ([^"]*)"', get().text)
    return found


def test_a_day_whose_audit_failed_its_task_is_shown_as_that(get, write):
    write(exported())

    state, sentence = cell(get)
    assert state == "failed"
    assert "audit found 2 gaps" in sentence
    link = re.search(r"dataset\?id=\w+", get().text)
    assert "--reprocess-behavior completed" in get(link[0]).text or "dags trigger" in get(link[0]).text


@pytest.mark.parametrize(("hours", "expected"), [(-24, "failed"), (24, "published")])
def test_the_newest_audit_counts_whether_its_task_failed_or_not(get, write, hours, expected):
    write(exported(), audited(datetime.now(UTC) + timedelta(hours=hours), ok=True))

    assert cell(get)[0] == expected


def test_a_failed_audit_is_of_the_version_that_it_looked_at(get, write):
    write(exported(), exported(commit="another"))

    state, sentence = cell(get)
    assert state == "published"
    assert "in an earlier version" in sentence


def test_an_audit_of_a_dataset_without_exports_makes_no_card_and_damage_is_logged(get, write, caplog):
    write(exported())

    assert "raw/unknown" not in get().text
    assert "An XCom of audits_that_fail.damaged" in caplog.text
    assert "audits_that_fail.audit " not in caplog.text
