"""Wrong arguments: each is refused with one sentence, before anything is waited for and without a request."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pendulum
import pytest

from airflow_provider_convexport.compat import AirflowFailException, AirflowRescheduleException
from airflow_provider_convexport.errors import ConvExportError
from airflow_provider_convexport.export.window import iso
from airflow_provider_convexport.hooks.ada import AdaHook
from airflow_provider_convexport.operators.ada import AdaExportOperator
from tests.support.connections import KEY
from tests.support.tiny_server import Answer, as_json

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

STREAMS = "does not exist at Ada; use one of ['conversations', 'messages']."
TIMES = "does not exist for Ada conversations; use one of ['created', 'updated']."
ZONE = "is not an IANA time zone; write a name such as 'UTC' or 'Europe/Berlin'."

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
    ({"stream": ["messages"]}, f"stream=['messages'] {STREAMS}"),
    ({"window_on": ["created"]}, f"window_on=['created'] {TIMES}"),
    ({"window_on": 5}, f"window_on=5 {TIMES}"),
    ({"filters": {1: "x", "a": "y"}}, "filters={1: 'x', 'a': 'y'} is not a dict of query parameters."),
    (
        {"filters": {"bot": "x"}},
        "filters ['bot'] do not exist for Ada conversations; allowed: none.",
    ),
    (
        {"stream": "messages", "filters": {"conversation_id": "jane\n"}},
        "conversation_id holds a control character or half of a character, which cannot be sent; "
        "write it again.",
    ),
    (
        {"stream": "messages", "filters": {"conversation_id": "\udcff"}},
        "conversation_id holds a control character or half of a character, which cannot be sent; "
        "write it again.",
    ),
    ({"partition_by": ["day"]}, "partition_by=['day'] is not one of ['day', 'hour', 'interval']."),
    ({"compression": ["gzip"]}, "compression=['gzip'] is not one of ['gzip', 'zstd', 'none']."),
    ({"partition_timezone": ["UTC"]}, f"partition_timezone=['UTC'] {ZONE}"),
    ({"partition_timezone": None}, f"partition_timezone=None {ZONE}"),
    ({"partition_timezone": "x" * 300}, f"partition_timezone='{'x' * 300}' {ZONE}"),
    (
        {"concurrency": 10**6},
        "concurrency=1000000 is more than 64, and all threads share one rate limit; "
        f"write concurrency={STREAM.concurrency}, which is the default.",
    ),
    ({"skip_unchanged": "no"}, "skip_unchanged='no' is neither True nor False; write one of these."),
    ({"add_partitions": "no"}, "add_partitions='no' is neither True nor False; write one of these."),
    (
        {
            "interval_start": "0001-01-01T00:00:00Z",
            "interval_end": "0001-01-02T00:00:00Z",
            "partition_timezone": "Europe/Berlin",
        },
        "The interval 0001-01-01T00:00:00Z..0001-01-02T00:00:00Z cannot be divided into days of "
        "Europe/Berlin, because the first or the last would reach beyond the years 1 to 9999; "
        "use another interval.",
    ),
    (
        {"interval_start": "9999-12-31T00:00:00Z", "interval_end": "9999-12-31T23:59:59Z"},
        "The interval 9999-12-31T00:00:00Z..9999-12-31T23:59:59Z cannot be divided into days of UTC, because "
        "the first or the last would reach beyond the years 1 to 9999; use another interval.",
    ),
    (
        {
            "interval_start": "9999-12-31T00:00:00Z",
            "interval_end": "9999-12-31T23:59:59Z",
            "partition_by": "interval",
        },
        "settle=2 hours after 9999-12-31T23:59:59Z is later than the year 9999; "
        "write settle=timedelta(hours=2), or leave it out to use the vendor's default.",
    ),
    ({"ada_conn_id": ["x"]}, "The connection ['x'] does not exist; create it, or name another in the Dag."),
    (
        {"ada_conn_id": "nobody"},
        "The connection nobody does not exist; create it, or name another in the Dag.",
    ),
]


RELATIVE = (
    "is not an absolute path, so the place would depend on the process that runs the task; "
    "write a path that begins with '/', or a URL such as 's3://conn@bucket/folder'."
)
NO_SCHEME = (
    "for which Airflow has no file system here; write s3://, gs://, abfs:// or a local path, "
    "or install the Airflow provider for that scheme."
)
CORRECT = "choose another folder or correct that."

DESTINATIONS = [
    ("raw/ada", f"destination='raw/ada' {RELATIVE}"),
    ("./raw", f"destination='./raw' {RELATIVE}"),
    ("~/raw", f"destination='~/raw' {RELATIVE}"),
    ("file://raw/ada", f"destination='file://raw/ada' {RELATIVE}"),
    ("C:\\raw", f"destination='C:\\\\raw' {RELATIVE}"),
    ("/", "destination='/' has no folder; name one for the dataset."),
    ("file:///", "destination='file:///' has no folder; name one for the dataset."),
    ("nowhere://b/x", f"destination='nowhere://b/x' has the scheme 'nowhere', {NO_SCHEME}"),
    ("S4://b/x", f"destination='S4://b/x' has the scheme 'S4', {NO_SCHEME}"),
    ("/raw\0", r"destination='/raw\x00' holds a character that no folder's name may hold; remove it."),
    ("/raw\udcff", r"destination='/raw\udcff' holds a character that no folder's name may hold; remove it."),
    (
        "file://gone@/raw",
        "The connection 'gone' that destination='file://gone@/raw' names does not exist; create it.",
    ),
    (
        "/dev/null/raw",
        f"The destination file:///dev/null/raw cannot be used: a file is in the way of a folder; {CORRECT}",
    ),
    (
        "/proc/raw",
        f"The destination file:///proc/raw cannot be used: folders cannot be created there; {CORRECT}",
    ),
    (
        f"/{'x' * 256}",
        f"The destination file:///{'x' * 192} cannot be used: a name in it is too long; {CORRECT}",
    ),
]

HOST = "The connection ada_default has an unusable host; write it as https://name.example.com alone."
CONNECTIONS = [
    ({"host": None}, "The connection ada_default has no host; set it to your own Ada address."),
    ({"host": "https://my bot.ada.support"}, HOST),
    ({"host": "my bot.ada.support"}, HOST),
    ({"host": "https://bot..ada.support"}, HOST),
    ({"host": f"https://{'b' * 64}.ada.support"}, HOST),
    ({"host": "https://<handle>.ada.support"}, HOST),
    ({"host": "https://bot.ada.support/api"}, HOST),
    ({"host": "ftp://bot.ada.support"}, HOST),
    ({"host": "https://bot.ada.support:port"}, HOST),
    ({"host": "https://[::1"}, HOST),
    (
        {"host": "http://bot.ada.support"},
        "The connection ada_default uses plain http, which would show the key to the network; use https, "
        "or set the extra allow_http to true if the network to that host is private.",
    ),
    ({"key": None}, "The connection ada_default has no API key; put it into the password."),
    (
        {"key": "two words"},
        "The connection ada_default has an API key with characters that no key has; paste it again.",
    ),
    (
        {"extra": {"timeout": "soon"}},
        "The connection ada_default has the timeout 'soon'; write a number of seconds above 0.",
    ),
    (
        {"extra": {"proxies": "proxy:3128"}},
        "The connection ada_default has unusable proxies; "
        'write an object such as {"https": "http://proxy:3128"}.',
    ),
    (
        {"extra": {"verify": "/gone.pem"}},
        "The connection ada_default has the CA bundle /gone.pem, which does not exist on this machine.",
    ),
    (
        {"extra": {"verify": False}},
        "The connection ada_default switches TLS verification off, which would show the key to anyone on the "
        "network; set the extra verify to the path of a CA bundle instead.",
    ),
]

PATH = "Ada /api/v2/export/conversations"
NOTHING = "nothing was published"
AGAIN = f"{NOTHING}, and the next try requests it again."
ANSWERS = [
    (
        Answer(
            400, b'{"errors": [{"type": "validation_error", "details": [{"parameter": "$.created_to"}]}]}'
        ),
        f"{PATH} refused the request with status 400, naming type validation_error, parameter $.created_to "
        "(request id not given). The vendor will reject this request whenever it is sent again; "
        "check the Dag's arguments.",
    ),
    (
        Answer(422, b"<html>Jane</html>"),
        f"{PATH} refused the request with status 422 (request id not given). The vendor will reject this "
        "request whenever it is sent again; check the Dag's arguments.",
    ),
    (
        Answer(304),
        f"{PATH} refused the request with status 304 (request id not given). The vendor does not document "
        "this status, so a proxy or cache on the way may have answered; "
        "check the connection's host and proxies.",
    ),
    (
        Answer(302, headers={"Location": "https://elsewhere.example"}),
        f"{PATH} refused the request with status 302 (request id not given). It redirects to another "
        "address, which is not followed so that the key stays here; "
        "put the address that answers into the connection's host.",
    ),
    (Answer(202), f"{PATH} answered 202, but only 200 is documented; {NOTHING}."),
    (
        as_json([]),
        f"{PATH} answered 200 with a body that does not have the documented shape "
        f"(Expected `object`, got `array`); {AGAIN}",
    ),
    (
        as_json({"data": {}}),
        f"{PATH} answered 200 with a body that does not have the documented shape "
        f"(Expected `array | null`, got `object` - at `$.data`); {AGAIN}",
    ),
    (
        as_json({"rows": []}),
        f"{PATH} answered 200 without its record list 'data' or 'items'; "
        f"an outage must not look like an empty day, so {NOTHING}.",
    ),
    (
        as_json({"data": [{"date_created": "2026-04-01T00:00:00"}]}),
        f"{PATH} sent a record without a usable '_id' (number 1 of its page), which deduplication requires; "
        f"{NOTHING}.",
    ),
    (
        as_json({"data": [], "meta": []}),
        f"{PATH} sent a 'meta' of type list instead of an object, so whether another page follows is not "
        f"known; {NOTHING}.",
    ),
    (
        as_json({"data": [], "meta": {"next_page_uri": ["/x"]}}),
        f"{PATH} sent a next link of type list instead of a string.",
    ),
    (
        Answer(body=b'{"data": [], "meta": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
        f"{PATH} answered 200 with a body that is nested too deeply to be read; {AGAIN}",
    ),
    (
        Answer(body=b'{"data": [{"_id": "a", "date_created": 1e999}]}'),
        f"{PATH} answered 200 with a body that does not have the documented shape "
        f"(Number out of range - at `$.data[0].date_created`); {AGAIN}",
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


@pytest.mark.parametrize(("destination", "sentence"), DESTINATIONS, ids=lambda value: ascii(value)[:40])
def test_a_wrong_destination_fails_with_one_sentence_before_the_first_request(ada, destination, sentence):
    with pytest.raises(AirflowFailException) as caught:
        execute(destination, on_unsettled="export")

    assert str(caught.value) == sentence
    assert ada.asked == []


@pytest.mark.parametrize(("changes", "sentence"), CONNECTIONS, ids=str)
def test_a_wrong_connection_fails_with_one_sentence_at_once(connect, tmp_path, changes, sentence):
    connect("ada", **{"host": "https://bot.ada.support"} | changes)

    with pytest.raises(AirflowFailException) as caught:
        execute(tmp_path / "set", on_unsettled="export")

    assert str(caught.value) == sentence
    assert not (tmp_path / "set").exists()
    assert KEY not in sentence


@pytest.mark.parametrize(("answer", "sentence"), ANSWERS, ids=lambda value: str(value)[:60])
def test_a_wrong_answer_is_one_sentence_after_one_request(ada, tmp_path, answer, sentence):
    ada.fallback = lambda asked: answer

    with pytest.raises((AirflowFailException, ConvExportError)) as caught:
        execute(tmp_path / "set", on_unsettled="export")

    assert str(caught.value) == sentence
    assert len(ada.asked) == 1


@pytest.mark.parametrize("text", ["soon", "-5", "1e3", "9" * 30])
def test_a_wrong_age_of_checkpoints_is_refused(ada, tmp_path, monkeypatch, text):
    monkeypatch.setenv("AIRFLOW__CONVEXPORT__CHECKPOINT_MAX_AGE", text)

    with pytest.raises(AirflowFailException) as caught:
        execute(tmp_path / "set")

    assert str(caught.value) == (
        f"[convexport] checkpoint_max_age is {text!r} and not a whole number of seconds from 0 to "
        "3153600000; set it to such a number, or remove it to use 86400."
    )


def test_the_tables_are_long():
    assert len(REFUSED) + len(DESTINATIONS) + len(CONNECTIONS) + len(ANSWERS) >= 80
