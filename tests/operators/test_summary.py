"""The last line that an export writes to the task's log."""

from __future__ import annotations

import json
import logging
import re
from types import SimpleNamespace

import pendulum
import pytest
from airflow.sdk import Asset

from airflow_provider_convexport.compat import AirflowRescheduleException, AirflowSkipException
from airflow_provider_convexport.operators.ada import AdaExportOperator
from airflow_provider_convexport.operators.agentx import AgentXExportOperator
from tests.support.connections import KEY
from tests.support.tiny_server import Answer, as_json

APRIL_1 = pendulum.datetime(2026, 4, 1)
INTERVAL = {
    "data_interval_start": APRIL_1,
    "data_interval_end": APRIL_1.add(days=1),
    "run_id": "scheduled__1",
}
SPAN = "2026-04-01T00:00:00Z..2026-04-02T00:00:00Z"


@pytest.fixture(autouse=True)
def _all_levels(caplog):
    caplog.set_level(logging.DEBUG)


@pytest.fixture
def ada(connect, server):
    connect("ada", server.url)
    records = [
        {"_id": "a", "date_created": "2026-04-01T12:00:00"},
        {"_id": "b", "date_created": "2026-04-01T13:00:00"},
    ]
    server.fallback = lambda asked: as_json({"data": records, "meta": {"next_page_uri": None}})
    return server


def execute(folder, kind=AdaExportOperator, context=INTERVAL, **arguments):
    return kind(task_id="export", destination=str(folder), **arguments).execute(context)


def last_line(caplog):
    return caplog.messages[-1].replace("\n", " ")


def test_it_says_what_was_exported_where_it_went_and_what_it_took(ada, tmp_path, caplog):
    facts = execute(tmp_path)

    assert last_line(caplog) == (
        f"Exported 2 records of Ada conversations (window_on=created) in {SPAN} to file://{tmp_path}: "
        f"1 file, {facts['bytes']} bytes, 1 request, 0 s waited for the vendor's limits."
    )


def test_it_names_the_scope(connect, answer_empty, tmp_path, caplog):
    connect("agentx", answer_empty.url)

    execute(tmp_path, AgentXExportOperator, bot_name="support", stream="messages")

    assert last_line(caplog) == (
        f"Exported 0 records of AgentX Support messages (bot_name=support, window_on=time) in {SPAN} to "
        f"file://{tmp_path}: 0 files, 0 bytes, 1 request, 0 s waited for the vendor's limits."
    )
    assert "There are no records; check that bot_name=support is right." in caplog.text


def test_it_does_not_doubt_the_scope_if_partitions_were_left_unchanged(
    connect, answer_empty, tmp_path, caplog
):
    connect("agentx", answer_empty.url)
    execute(tmp_path, AgentXExportOperator, bot_name="support")
    caplog.clear()

    again = {**INTERVAL, "run_id": "2"}
    execute(tmp_path, AgentXExportOperator, again, bot_name="support", skip_unchanged=True)

    assert "1 partition left unchanged" in last_line(caplog)
    assert "check that" not in caplog.text


def test_it_counts_the_partitions_that_were_left_unchanged(ada, tmp_path, caplog):
    execute(tmp_path)
    with pytest.raises(AirflowSkipException):
        execute(
            tmp_path,
            context={**INTERVAL, "run_id": "2", "outlet_events": {}},
            skip_unchanged=True,
            outlets=[Asset(name="set", uri="s3://bucket/set")],
        )

    summary, reason = (message.replace("\n", " ") for message in caplog.messages[-2:])
    assert summary == (
        f"Exported 0 records of Ada conversations (window_on=created) in {SPAN} to file://{tmp_path}: "
        "0 files, 0 bytes, 1 request, 0 s waited for the vendor's limits, 1 partition left unchanged."
    )
    # Airflow's own record of the reason stands in a group that is folded.
    assert reason == (
        f"No partition of {SPAN} has changed, so all stay as they were and no asset event is sent."
    )


def test_it_is_broken_into_lines_that_the_ui_does_not_cut_off(ada, tmp_path, caplog):
    execute(tmp_path)

    lines = caplog.messages[-1].split("\n")
    assert len(lines) > 1
    assert all(len(line) <= 80 or line.startswith("file://") for line in lines)


def test_it_counts_the_pauses_that_the_vendor_asked_for(ada, tmp_path, caplog):
    ada.script = [Answer(429, headers={"Retry-After": "3600"})]
    with pytest.raises(AirflowRescheduleException):
        execute(tmp_path)
    execute(tmp_path)

    assert re.search(
        r"2 requests, 0 s waited for the vendor's limits, (3599|3600) s paused because the vendor asked"
        r" for it\.$",
        last_line(caplog),
    )


def test_it_holds_no_secret_no_filter_and_no_record(ada, tmp_path, caplog):
    execute(tmp_path, stream="messages", filters={"conversation_id": "of-a-person"})

    assert last_line(caplog).startswith("Exported ")
    for secret in (KEY, "of-a-person", json.dumps("a")):
        assert secret not in last_line(caplog)


def test_the_task_state_store_of_a_finished_task_says_that_all_is_done(ada, tmp_path):
    shown = []
    store = SimpleNamespace(set=lambda key, value, **options: shown.append((key, value)))

    execute(tmp_path, context={**INTERVAL, "task_state_store": store})

    key, facts = shown[-1]
    assert (key, facts["share"], facts["records"], facts["pages"]) == ("convexport_progress", 1.0, 2, 1)


def test_a_lost_cursor_is_not_called_hopeless_since_the_task_goes_on(ada, tmp_path, caplog):
    first = as_json({"data": [], "meta": {"next_page_uri": "/api/v2/export/conversations?page=2"}})
    ada.script = [first, Answer(404)]

    execute(tmp_path, concurrency=1)

    line = next(each.getMessage() for each in caplog.records if "starts again" in each.getMessage())
    assert line == (
        "Ada /api/v2/export/conversations answered a cursor with status 404, as if it had expired (request "
        f"id not given), so the request window {SPAN} starts again from its first page."
    )
    assert "whenever it is sent again" not in caplog.text
