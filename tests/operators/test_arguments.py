"""Wrong arguments: each is refused with one sentence, before anything is waited for and without a request."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pendulum
import pytest

from airflow_provider_convexport.compat import AirflowFailException, AirflowRescheduleException
from airflow_provider_convexport.export.window import iso
from airflow_provider_convexport.hooks.ada import AdaHook
from airflow_provider_convexport.operators.ada import AdaExportOperator
from tests.support.connections import KEY

STREAM = AdaHook.streams["conversations"]
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
TODAY = pendulum.instance(datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0))
UNSETTLED = {"data_interval_start": TODAY, "data_interval_end": TODAY.add(days=1), "run_id": "r"}
"""The context of a run that would wait, if its arguments were right."""

BYTES = (
    "is not a whole number of 1 or more; write target_file_bytes=134217728, which is the default, "
    "or another such number."
)
CONCURRENCY = (
    "is not a whole number of 1 or more; "
    f"write concurrency={STREAM.concurrency}, which is the default, or another such number."
)
PAUSE = (
    "is not a timedelta above zero; write max_pause=timedelta(days=2), which is the default, "
    "or another such length of time."
)
SETTLE = (
    "is not a timedelta of zero or more; "
    "write settle=timedelta(hours=2), or leave it out to use the vendor's default."
)
PAGE = "is not accepted by Ada; use a whole number from 100 to 10000, or leave it out to use 10000."
SPAN = "is not a timedelta of one second or more; leave it out to use 59 days."
MOMENT = "is not a moment with a time zone; write it like 2026-04-01T00:00:00Z."

REFUSED = [
    ({"target_file_bytes": "1GB"}, f"target_file_bytes='1GB' {BYTES}"),
    ({"target_file_bytes": 0}, f"target_file_bytes=0 {BYTES}"),
    ({"target_file_bytes": -1}, f"target_file_bytes=-1 {BYTES}"),
    ({"target_file_bytes": 1e6}, f"target_file_bytes=1000000.0 {BYTES}"),
    ({"target_file_bytes": True}, f"target_file_bytes=True {BYTES}"),
    ({"target_file_bytes": None}, f"target_file_bytes=None {BYTES}"),
    ({"concurrency": "2"}, f"concurrency='2' {CONCURRENCY}"),
    ({"concurrency": 0}, f"concurrency=0 {CONCURRENCY}"),
    ({"concurrency": 1.5}, f"concurrency=1.5 {CONCURRENCY}"),
    ({"concurrency": True}, f"concurrency=True {CONCURRENCY}"),
    ({"max_pause": "2 days"}, f"max_pause='2 days' {PAUSE}"),
    ({"max_pause": 3600}, f"max_pause=3600 {PAUSE}"),
    ({"max_pause": None}, f"max_pause=None {PAUSE}"),
    ({"max_pause": timedelta(0)}, f"max_pause=datetime.timedelta(0) {PAUSE}"),
    ({"max_pause": -DAY}, f"max_pause=datetime.timedelta(days=-1) {PAUSE}"),
    ({"settle": "2h"}, f"settle='2h' {SETTLE}"),
    ({"settle": 7200}, f"settle=7200 {SETTLE}"),
    ({"settle": -HOUR}, f"settle=datetime.timedelta(days=-1, seconds=82800) {SETTLE}"),
    (
        {"settle": -HOUR, "on_unsettled": "export"},
        f"settle=datetime.timedelta(days=-1, seconds=82800) {SETTLE}",
    ),
    (
        {"settle": timedelta.max},
        "settle=999999999 days 23 hours 59 minutes 59.999999 seconds after "
        f"{iso(TODAY.add(days=1))} is later than the year 9999; "
        "write settle=timedelta(hours=2), or leave it out to use the vendor's default.",
    ),
    (
        {"on_unsettled": "panic"},
        "on_unsettled='panic' is not one of ['wait', 'fail', 'export']; write one of these.",
    ),
    (
        {"on_unsettled": None},
        "on_unsettled=None is not one of ['wait', 'fail', 'export']; write one of these.",
    ),
    (
        {"on_expired": "ignore"},
        "on_expired='ignore' is not one of ['fail', 'clip', 'export']; write one of these.",
    ),
    ({"page_size": "10"}, f"page_size='10' {PAGE}"),
    ({"page_size": 5}, f"page_size=5 {PAGE}"),
    ({"page_size": 100.0}, f"page_size=100.0 {PAGE}"),
    ({"page_size": True}, f"page_size=True {PAGE}"),
    ({"request_window": "7 days"}, f"request_window='7 days' {SPAN}"),
    ({"request_window": 7}, f"request_window=7 {SPAN}"),
    ({"request_window": timedelta(0)}, f"request_window=datetime.timedelta(0) {SPAN}"),
    ({"period": 5}, "period=5 is not a positive timedelta; pass timedelta(days=1)."),
    (
        {"period": -DAY},
        "period=datetime.timedelta(days=-1) is not a positive timedelta; pass timedelta(days=1).",
    ),
    (
        {"interval_start": 5, "interval_end": "2026-04-02T00:00:00Z"},
        f"interval_start: 5 {MOMENT}",
    ),
    (
        {"interval_start": "2026-04-01", "interval_end": "2026-04-02T00:00:00Z"},
        f"interval_start: '2026-04-01' {MOMENT}",
    ),
    (
        {"interval_end": "2026-04-02T00:00:00Z"},
        "Only interval_end is given; pass both interval_start and interval_end, or neither.",
    ),
    ({"compression": "rar"}, "compression='rar' is not one of ['gzip', 'zstd', 'none']."),
    ({"partition_by": "week"}, "partition_by='week' is not one of ['day', 'hour', 'interval']."),
    (
        {"partition_timezone": "Berlin"},
        "partition_timezone='Berlin' is not an IANA time zone; "
        "write a name such as 'UTC' or 'Europe/Berlin'.",
    ),
    ({"filters": "x=1"}, "filters='x=1' is not a dict of query parameters."),
    (
        {"stream": "tickets"},
        "stream='tickets' does not exist at Ada; use one of ['conversations', 'messages'].",
    ),
    (
        {"window_on": "resolved"},
        "window_on='resolved' does not exist for Ada conversations; use one of ['created', 'updated'].",
    ),
    ({"destination": " "}, "destination='' is empty; name a folder or a URL for the dataset."),
    (
        {"destination": None},
        "destination=None is neither text nor an ObjectStoragePath; "
        "write a URL such as 's3://conn@bucket/folder', or a local path as text.",
    ),
    (
        {"destination": Path("/raw")},
        "destination=PosixPath('/raw') is neither text nor an ObjectStoragePath; "
        "write a URL such as 's3://conn@bucket/folder', or a local path as text.",
    ),
    ({"add_partitions": True}, "add_partitions=True needs an asset; pass outlets=[Asset(...)]."),
    (
        {"ada_conn_id": "nobody"},
        "The connection nobody does not exist; create it, or name another in the Dag.",
    ),
]


@pytest.fixture
def ada(connect, answer_empty):
    connect("ada", answer_empty.url)
    return answer_empty


def execute(folder, **arguments):
    task = AdaExportOperator(task_id="export", **{"destination": str(folder)} | arguments)
    return task.execute(UNSETTLED)


def names(case):
    return "-".join(f"{name}={value}" for name, value in case.items()) if isinstance(case, dict) else ""


@pytest.mark.parametrize(("arguments", "sentence"), REFUSED, ids=names)
def test_a_wrong_argument_fails_with_one_sentence_at_once(ada, tmp_path, arguments, sentence):
    with pytest.raises(AirflowFailException) as caught:
        execute(tmp_path / "set", **arguments)

    assert str(caught.value) == sentence
    assert ada.asked == []
    assert not (tmp_path / "set").exists()
    assert KEY not in sentence


def test_with_right_arguments_the_same_run_waits(ada, tmp_path):
    with pytest.raises(AirflowRescheduleException):
        execute(
            tmp_path / "set",
            target_file_bytes=1,
            concurrency=1,
            max_pause=timedelta(seconds=1),
            settle=timedelta(0),
            page_size=100,
            request_window=HOUR,
            period=DAY,
        )

    assert ada.asked == []
