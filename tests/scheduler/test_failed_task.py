"""What Airflow's UI shows of the log of a task that has failed."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.slow

VISIBLE = 88
"""Characters of a message's first line that fit into a window of 1,280 pixels; the UI cuts off the rest."""


@pytest.fixture(scope="module")
def shown(airflow):
    """The records of the log, without those that the UI folds."""
    airflow.api.unpause("wrong_key")
    run = airflow.api.wait_for_run("wrong_key", airflow.api.trigger("wrong_key"), timeout=120)
    (task,) = airflow.api.tasks("wrong_key", run["dag_run_id"])
    assert (task["state"], task["try_number"]) == ("failed", 1)
    records, folded = [], False
    for record in airflow.api.log_records(task, 1):
        group = record["event"].startswith(("::group::", "::endgroup::"))
        folded = record["event"].startswith("::group::") or (folded and not group)
        if not folded and not group:
            records.append(record)
    return records


def test_the_last_record_is_the_sentence_and_no_line_of_it_is_cut_off(shown):
    last = shown[-1]

    assert last["level"] == "error"
    assert "error_detail" not in last
    assert all(len(line) <= VISIBLE for line in last["event"].split("\n"))
    assert last["event"].replace("\n", " ") == (
        "Ada /api/v2/export/conversations refused the request with status 401, naming type unauthorized "
        "(request id not given). Check the API key in the connection's password; keys marked Legacy do not "
        "work on version 2."
    )


def test_its_error_has_a_single_traceback_without_the_frames_of_the_engine(shown):
    (error,) = [one for record in shown for one in record.get("error_detail", ())]

    assert error["exc_type"] == "AirflowFailException"
    assert not [frame for frame in error["frames"] if "/export/" in frame["filename"]]
