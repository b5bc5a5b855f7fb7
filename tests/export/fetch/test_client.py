from __future__ import annotations

import errno
import gzip
import json
import logging
import socket
import threading
import time
from datetime import timedelta
from types import SimpleNamespace

import pytest
import requests

from airflow_provider_convexport.errors import (
    ConfigurationError,
    IncompleteExportError,
    RateLimitedError,
    VendorRejectedError,
    VendorUnavailableError,
    WorkerDiskError,
)
from airflow_provider_convexport.export.fetch.budget import Budget
from airflow_provider_convexport.export.fetch.client import Client
from airflow_provider_convexport.export.fetch.limit import Limit
from airflow_provider_convexport.export.fetch.page import MalformedAnswerError
from airflow_provider_convexport.export.fetch.request import PageRequest
from airflow_provider_convexport.export.fetch.retry import RetryPolicy
from airflow_provider_convexport.export.fetch.usage import Usage
from tests.support.samples import FakeTime
from tests.support.tiny_server import Answer, as_json
from tests.support.wire import answer, open_wire

KEY = "AL-very-secret-key"
BODY_SECRET = "what a customer said"


class _Key(requests.auth.AuthBase):
    def __call__(self, request):
        request.headers["Authorization"] = f"Bearer {KEY}"
        return request


def read(body):
    try:
        return json.loads(body)
    except ValueError:
        raise MalformedAnswerError from None


@pytest.fixture
def make_client(fake_time):
    sessions = []

    def make(url, **changes):
        session = requests.Session()
        session.auth = _Key()
        sessions.append(session)
        budget = Budget("acme", (), sleep=fake_time.sleep, clock=fake_time)
        facts = {
            "title": "Acme",
            "base_url": url,
            "new_session": lambda: session,
            "budget": budget,
            "sleep": fake_time.sleep,
            "now": fake_time,
            "clock": fake_time,
            "timeout": (2.0, 2.0),
        }
        return Client(**facts | changes)

    yield make
    for session in sessions:
        session.close()


@pytest.fixture
def client(make_client, server):
    return make_client(server.url)


@pytest.fixture(autouse=True)
def _no_secret_in_the_log(caplog):
    """Whatever a test does, its log holds neither the key nor a body."""
    caplog.set_level(logging.DEBUG)
    yield
    assert KEY not in caplog.text
    assert BODY_SECRET not in caplog.text


class TestResolve:
    client = property(
        lambda self: Client("Acme", "https://acme.example", requests.Session, Budget("acme", ()))
    )

    @pytest.mark.parametrize(
        ("link", "url"),
        [
            ("https://acme.example/export?cursor=a", "https://acme.example/export?cursor=a"),
            ("https://acme.example:443/export", "https://acme.example/export"),
            ("HTTPS://ACME.EXAMPLE/export", "https://acme.example/export"),
            ("/export?cursor=a%2Fb%3D", "https://acme.example/export?cursor=a%2Fb%3D"),
            ("?cursor=b", "https://acme.example/export/list?cursor=b"),
            ("more", "https://acme.example/export/more"),
            (
                "/export?since=2026-04-01T00:00:00+00:00",
                "https://acme.example/export?since=2026-04-01T00:00:00+00:00",
            ),
            ("/export?a=1#fragment", "https://acme.example/export?a=1"),
            ("//acme.example/export", "https://acme.example/export"),
        ],
    )
    def test_a_link_to_the_own_host_is_followed_in_any_form(self, link, url):
        assert self.client.resolve(link, url="https://acme.example/export/list?cursor=a") == url

    @pytest.mark.parametrize(
        "link",
        [
            "https://evil.example/export",
            "//evil.example/export",
            "http://acme.example/export",
            "https://acme.example:8443/export",
            "https://acme.example:99999/export",
            "https://acme.example:x/export",
            "https://acme.example@evil.example/export",
            "https://user:pass@acme.example/export",
            "https://@acme.example/export",
            "https://acme.example.evil.example/",
            "https://acme.example\\@evil.example/",
            "\\\\evil.example\\export",
            "/\\evil.example",
            "https:\\\\evil.example",
            "https://ac\tme.example/",
            "https://acme.example/\r\nX-Other: 1",
            " https://evil.example/",
            "ftp://acme.example/export",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "data:text/plain,x",
            "https://[::1/export",
            "https://[evil]/export",
            "https://acme.example．evil/",  # noqa: RUF001
            "https://acme.example\u2100.evil/",
        ],
    )
    def test_a_link_that_leads_elsewhere_is_refused(self, link):
        with pytest.raises(
            IncompleteExportError, match=r"next link that leads away from https://acme.example"
        ) as caught:
            self.client.resolve(link, url="https://acme.example/export/list")
        assert "evil" not in str(caught.value)

    def test_whatever_a_link_says_the_result_is_on_the_own_host(self):
        for link in (
            "https:evil.example",
            "https:/evil.example",
            "///evil.example",
            "/..//evil.example",
            "https:///x",
        ):
            try:
                url = self.client.resolve(link, url="https://acme.example/export")
            except IncompleteExportError:
                continue
            assert requests.utils.urlparse(url).netloc == "acme.example"


def test_a_foreign_link_is_never_contacted(client, other_server):
    with pytest.raises(IncompleteExportError, match="the key was not sent there"):
        client.resolve(f"{other_server.url}/steal", url=f"{client.base_url}/export")

    assert other_server.asked == []


def test_a_page_is_fetched_with_the_key(client, server):
    server.script = [as_json({"a": 1})]

    assert client.fetch(PageRequest(f"{server.url}/export?x=1"), read) == {"a": 1}
    assert server.targets == ["/export?x=1"]
    assert server.asked[0].headers["Authorization"] == f"Bearer {KEY}"
    assert client.usage.requests == 1


@pytest.mark.parametrize("status", [300, 304])
def test_a_status_between_that_leads_nowhere_is_not_called_a_redirect(client, server, status):
    server.fallback = lambda asked: Answer(status)

    with pytest.raises(VendorRejectedError, match="a proxy or cache on the way may have answered") as caught:
        client.fetch(PageRequest(f"{server.url}/export"), read)

    assert "redirect" not in str(caught.value)
    assert len(server.asked) == 1


def test_a_refusal_names_the_parameters_of_its_body_and_nothing_else(client, server):
    error = {"type": "validation_error", "message": BODY_SECRET, "details": [{"parameter": "$.created_to"}]}
    server.script = [Answer(400, json.dumps({"errors": [error]}).encode())]

    with pytest.raises(VendorRejectedError) as caught:
        client.fetch(PageRequest(f"{server.url}/export"), read)

    assert str(caught.value).startswith(
        "Acme /export refused the request with status 400, naming type validation_error, "
        "parameter $.created_to (request id not given). "
    )
    assert BODY_SECRET not in str(caught.value)


def test_a_full_disk_is_not_taken_for_a_broken_connection(client, server):
    def full(endpoint, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    client.budget = SimpleNamespace(grant=full)
    with pytest.raises(WorkerDiskError, match="the count of requests: No space left on device"):
        client.fetch(PageRequest(f"{server.url}/export"), read)


def test_a_host_that_cannot_be_one_is_not_tried_again(make_client, fake_time):
    with pytest.raises(ConfigurationError, match=r"No request can be sent to https://a b \(InvalidURL\)"):
        make_client("https://a b").fetch(PageRequest("https://a b/export"), read)

    assert fake_time.slept == []


def test_the_waits_after_failures_are_not_blamed_on_the_vendors_limits(client, server):
    server.script = [Answer(502), as_json({})]

    client.fetch(PageRequest(f"{server.url}/export"), read)

    assert client.usage.throttled_seconds == 0
    assert client.usage.retry_seconds > 0


def test_a_refusal_whose_body_breaks_off_is_still_a_refusal(client, server):
    server.script = [Answer(400, b'{"type": "x"}' * 9, cut=True)]

    with pytest.raises(VendorRejectedError, match="with status 400 \\(request id"):
        client.fetch(PageRequest(f"{server.url}/export"), read)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_the_key_not_sent_there(client, server, other_server, status):
    server.script = [Answer(status, headers={"Location": f"{other_server.url}/elsewhere"})]

    with pytest.raises(
        VendorRejectedError, match="redirects to another address, which is not followed"
    ) as caught:
        client.fetch(PageRequest(f"{server.url}/export"), read)

    assert caught.value.status == status
    assert other_server.asked == []
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (400, "check the Dag's arguments"),
        (401, "Check the API key in the connection's password"),
        (403, "and its permissions"),
        (404, "Check the connection's host"),
        (422, "check the Dag's arguments"),
    ],
)
def test_a_refusal_for_good_is_not_repeated_and_says_what_to_check(client, server, status, advice):
    server.script = [Answer(status, BODY_SECRET.encode(), {"X-Request-Id": "req-7"})]

    with pytest.raises(VendorRejectedError, match=advice) as caught:
        client.fetch(PageRequest(f"{server.url}/export?token=x"), read)

    error = caught.value
    assert (error.status, error.request_id, error.endpoint) == (status, "req-7", "Acme /export")
    assert f"Acme /export refused the request with status {status} (request id req-7)." in str(error)
    assert BODY_SECRET not in str(error)
    assert len(server.asked) == 1


def test_a_vendors_own_advice_wins(make_client, server):
    server.script = [Answer(401)]

    with pytest.raises(VendorRejectedError, match=r"\(request id not given\)\. Use a v2 key\."):
        make_client(server.url, advice={401: "Use a v2 key."}).fetch(
            PageRequest(f"{server.url}/export"), read
        )


@pytest.mark.parametrize("header", ["x-request-id", "x-amzn-RequestId", "CF-Ray"])
def test_a_request_id_is_found_under_the_names_that_gateways_use(client, server, header):
    server.script = [Answer(400, headers={header: "r" * 300})]

    with pytest.raises(VendorRejectedError) as caught:
        client.fetch(PageRequest(f"{server.url}/export"), read)
    assert caught.value.request_id == "r" * 79 + "…"


def test_escape_codes_in_a_request_id_reach_neither_the_log_nor_the_error(client, server):
    sent = "id-7\x1b]0;owned\x07\x1b[2J\x9b1A\x85\t."
    server.script = [Answer(400, headers={"X-Request-Id": sent})]

    with pytest.raises(VendorRejectedError) as caught:
        client.fetch(PageRequest(f"{server.url}/export"), read)

    assert caught.value.request_id == r"id-7\x1b]0;owned\x07\x1b[2J\x9b1A\x85\t."
    assert str(caught.value).isprintable()


def test_escape_codes_in_the_path_of_a_next_link_reach_neither_the_log_nor_the_error(client, server, caplog):
    link = client.resolve(f"/export/\x9b2J\u202e{'x' * 1000}")
    server.fallback = lambda asked: Answer(503)

    with pytest.raises(VendorUnavailableError) as caught:
        client.fetch(PageRequest(link), read)

    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400
    lines = [
        each.getMessage() for each in caplog.records if each.name.startswith("airflow_provider_convexport")
    ]
    assert lines
    assert all(line.isprintable() and len(line) < 400 for line in lines)


def test_a_body_that_decompresses_to_far_more_than_any_page_is_not_read(client, server, monkeypatch):
    monkeypatch.setattr("airflow_provider_convexport.export.fetch.client.MAX_BODY", 2**20)
    bomb = gzip.compress(bytes(2**26))
    server.script = [Answer(body=bomb, headers={"Content-Encoding": "gzip"}), as_json({"a": 1})]

    with pytest.raises(IncompleteExportError, match=r"Acme /export answered with more than 1 MiB"):
        client.fetch(PageRequest(f"{server.url}/export"), read)

    assert client.fetch(PageRequest(f"{server.url}/export"), read) == {"a": 1}
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    "trouble",
    [
        *(pytest.param(Answer(status), id=str(status)) for status in (408, 429, 500, 502, 503, 504)),
        pytest.param(Answer(reset=True), id="reset"),
        pytest.param(Answer(body=b'{"a": 1}', cut=True), id="cut body"),
        pytest.param(Answer(body=b'{"a": '), id="half JSON"),
        pytest.param(Answer(body=b"<html>busy</html>"), id="HTML"),
        pytest.param(Answer(body=b""), id="empty"),
        pytest.param(Answer(body=b"no gzip", headers={"Content-Encoding": "gzip"}), id="broken gzip"),
    ],
)
def test_passing_trouble_is_sat_out_on_the_same_page(client, server, fake_time, trouble):
    server.script = [trouble, trouble, as_json({"a": 1})]

    assert client.fetch(PageRequest(f"{server.url}/export?page=3"), read) == {"a": 1}
    assert server.targets == ["/export?page=3"] * 3
    assert client.usage.requests == 3
    assert 0 < sum(fake_time.slept) < 2


def test_a_closed_port_is_passing_trouble(make_client, server):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(VendorUnavailableError, match="a broken connection") as caught:
            make_client(url, retry=RetryPolicy(max_tries=2)).fetch(PageRequest(f"{url}/export"), read)
    assert caught.value.tries == 2


def test_no_answer_in_time_is_passing_trouble(make_client):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        impatient = make_client(url, retry=RetryPolicy(max_tries=1), timeout=(1.0, 0.05))
        with pytest.raises(VendorUnavailableError, match="no answer in time"):
            impatient.fetch(PageRequest(f"{url}/export"), read)


def test_when_the_tries_are_used_up_the_last_problem_is_told(make_client, server):
    server.fallback = lambda asked: Answer(502, BODY_SECRET.encode())

    with pytest.raises(
        VendorUnavailableError, match=r"Acme /export gave no usable answer in 4 tries.*status 502"
    ) as caught:
        make_client(server.url, retry=RetryPolicy(max_tries=4)).fetch(
            PageRequest(f"{server.url}/export"), read
        )

    assert (caught.value.tries, caught.value.problem) == (4, "status 502")
    assert len(server.asked) == 4


def test_retry_after_is_slept_in_full_and_counted(client, server, fake_time):
    server.script = [Answer(429, headers={"Retry-After": "30"}), as_json({})]

    client.fetch(PageRequest(f"{server.url}/export"), read)

    assert fake_time.slept == [30]
    assert client.usage.throttled_seconds == 30


def test_while_one_thread_sits_out_a_pause_nobody_else_sends(client, server, fake_time):
    server.script = [Answer(429, headers={"Retry-After": "30"}), as_json({})]
    others = []
    client.sleep = lambda seconds: others.append(client.budget.grant("/other").waited)

    client.fetch(PageRequest(f"{server.url}/export"), read)

    assert others == [30]


def test_a_reset_in_epoch_seconds_is_obeyed(client, server, fake_time):
    server.script = [Answer(429, headers={"X-RateLimit-Reset": str(int(fake_time()) + 12)}), as_json({})]

    client.fetch(PageRequest(f"{server.url}/export"), read)

    assert fake_time.slept == [12]


@pytest.mark.parametrize("value", ["121", "86400", "9" * 30])
def test_a_long_pause_is_handed_back_at_once(client, server, fake_time, value):
    server.script = [Answer(429, headers={"Retry-After": value})]

    with pytest.raises(RateLimitedError, match="Acme /export asked for a pause of") as caught:
        client.fetch(PageRequest(f"{server.url}/export"), read)

    assert timedelta(seconds=min(int(value), 86_400)) <= caught.value.retry_after <= timedelta(days=7)
    assert fake_time.slept == []


@pytest.mark.parametrize("value", ["0", "Thu, 01 Jan 1970 00:00:00 GMT"])
def test_a_vendor_that_keeps_saying_now_is_asked_with_growing_waits(client, server, fake_time, value):
    server.fallback = lambda asked: Answer(429, headers={"Retry-After": value})

    with pytest.raises(VendorUnavailableError, match="status 429"):
        client.fetch(PageRequest(f"{server.url}/export"), read)

    assert sum(fake_time.slept) > 60


def test_the_error_of_another_shape_is_not_retried(client, server):
    def refuse(body):
        raise IncompleteExportError("no list")

    server.script = [as_json({})]
    with pytest.raises(IncompleteExportError, match="no list"):
        client.fetch(PageRequest(f"{server.url}/export"), refuse)
    assert len(server.asked) == 1


def test_an_untrusted_certificate_names_the_setting_to_change(make_client):
    class _Untrusted:
        def request(self, *args, **kwargs):
            raise requests.exceptions.SSLError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate")

        def mount(self, *args):
            pass

        verify = True
        proxies: dict[str, str] = {}  # noqa: RUF012

    client = make_client("https://acme.example", new_session=_Untrusted)
    with pytest.raises(
        ConfigurationError, match="set the connection's 'verify' extra to the path of the CA bundle"
    ):
        client.fetch(PageRequest("https://acme.example/export"), read)


@pytest.mark.parametrize(
    ("trouble", "cause"),
    [
        (Answer(503), "retry_seconds"),
        (Answer(429, headers={"Retry-After": "0.3"}), "throttled_seconds"),
        (None, "throttled_seconds"),
    ],
    ids=["outage", "pause", "limit"],
)
def test_what_several_threads_wait_at_the_same_time_is_told_by_the_clock(server, trouble, cause):
    """The sum over three threads would be longer than the time that has passed."""
    server.script = [trouble] * 3 if trouble else []
    server.fallback = lambda asked: as_json({})
    begun, waits = time.monotonic(), [0.3] * 3 if trouble is None else []
    counter = SimpleNamespace(take=lambda: waits.pop() if waits else 0.0, age=lambda: 0.0, last=None)
    client = Client(
        "Acme",
        server.url,
        requests.Session,
        Budget("acme", (Limit(1_000, timedelta(days=1)),), counter=lambda name, of: counter),
        retry=RetryPolicy(base_delay=0.3),
    )

    def fetch():
        client.fetch(PageRequest(f"{server.url}/export"), read)
        client._channels.opened.session.close()

    threads = [threading.Thread(target=fetch) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    seconds = time.monotonic() - begun
    assert 0.1 < getattr(client.usage, cause) < seconds
    assert client.usage.throttled_seconds + client.usage.retry_seconds < seconds


def test_a_fake_clock_never_goes_back():
    clock = FakeTime(5)
    clock.sleep(2)
    assert clock() == 7


@pytest.fixture
def wire():
    with open_wire() as opened:
        yield opened


class TestPost:
    BODY = '{"size":"10","text":"\u00e9"}'

    def test_a_request_with_a_body_is_posted_as_json(self, make_client, wire):
        wire.script = [answer(200, {"a": 1})]

        assert make_client(wire.url).fetch(PageRequest(f"{wire.url}/export?x=1", self.BODY), read) == {"a": 1}

        (sent,) = wire.requests
        assert (sent.method, sent.target, sent.body) == ("POST", "/export?x=1", self.BODY.encode())
        assert sent.headers["content-type"] == "application/json"
        assert sent.headers["content-length"] == str(len(self.BODY.encode()))
        assert sent.headers["authorization"] == f"Bearer {KEY}"

    def test_a_request_without_a_body_has_no_content_type(self, make_client, wire):
        make_client(wire.url).fetch(PageRequest(f"{wire.url}/export?x=1"), read)

        (sent,) = wire.requests
        assert (sent.method, sent.target, sent.body) == ("GET", "/export?x=1", b"")
        assert "content-type" not in sent.headers

    def test_the_same_body_is_sent_on_each_retry(self, make_client, wire):
        half = answer(200, {"a": 1}).replace(b"1}", b" 1")
        wire.script = [answer(503), b"", answer(429, Retry_After="1"), half, answer(200, {"a": 1})]
        client = make_client(wire.url)

        assert client.fetch(PageRequest(f"{wire.url}/export", self.BODY), read) == {"a": 1}

        sent = {(each.method, each.target, each.body, each.headers["content-type"]) for each in wire.requests}
        assert sent == {("POST", "/export", self.BODY.encode(), "application/json")}
        assert len(wire.requests) == 5
        assert (client.usage.requests, client.usage.pages) == (5, 1)

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_a_body_is_not_sent_on_to_another_address(self, make_client, wire, other_server, status):
        wire.script = [answer(status, Location=f"{other_server.url}/elsewhere")]

        with pytest.raises(VendorRejectedError, match="redirects to another address"):
            make_client(wire.url).fetch(PageRequest(f"{wire.url}/export", self.BODY), read)

        assert len(wire.requests) == 1
        assert other_server.asked == []

    def test_no_message_shows_the_body(self, make_client, wire):
        wire.script = [answer(400, BODY_SECRET)]

        with pytest.raises(VendorRejectedError) as caught:
            make_client(wire.url).fetch(PageRequest(f"{wire.url}/export", '{"id":"body-7"}'), read)

        assert "body-7" not in str(caught.value)


class TestUsage:
    def test_nothing_was_used_before_the_first_request(self, client):
        assert client.usage == Usage()

    def test_each_page_is_counted_once_however_often_it_was_asked_for(self, client, server):
        broken = Answer(body=b'{"a": ')
        server.script = [as_json({}), Answer(503), broken, Answer(reset=True), as_json({}), as_json({})]

        for number in range(3):
            client.fetch(PageRequest(f"{server.url}/export?page={number}"), read)

        assert (client.usage.requests, client.usage.pages) == (6, 3)

    def test_a_page_that_was_refused_is_a_request_and_no_page(self, client, server):
        server.script = [Answer(404)]

        with pytest.raises(VendorRejectedError):
            client.fetch(PageRequest(f"{server.url}/export"), read)

        assert client.usage == Usage(requests=1)

    def test_a_page_of_another_shape_is_a_request_and_no_page(self, client, server):
        def refuse(body):
            raise IncompleteExportError("no list")

        server.script = [as_json({})]

        with pytest.raises(IncompleteExportError):
            client.fetch(PageRequest(f"{server.url}/export"), refuse)

        assert client.usage == Usage(requests=1)

    def test_an_earlier_usage_does_not_change_with_the_client(self, client, server):
        server.script = [as_json({}), as_json({})]
        client.fetch(PageRequest(f"{server.url}/export"), read)
        before = client.usage

        client.fetch(PageRequest(f"{server.url}/export"), read)

        assert (before, client.usage) == (Usage(requests=1, pages=1), Usage(requests=2, pages=2))
