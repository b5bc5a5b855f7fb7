from __future__ import annotations

from dataclasses import dataclass, field

import pytest
import requests

from airflow_provider_convexport.export.fetch.transport import PacedAdapter
from tests.support.wire import answer, open_wire


@pytest.fixture
def wire():
    with open_wire() as opened:
        yield opened


@pytest.fixture
def paced():
    """Make a session that asks for permission, ``permit``, on a connection that is ready."""
    sessions = []

    def make(permit):
        session = requests.Session()
        session.trust_env = False
        session.mount("http://", PacedAdapter(on_ready(permit)))
        sessions.append(session)
        return session

    yield make
    for session in sessions:
        session.close()


def on_ready(permit):
    """Return a permit that is asked for as the budget takes one: after the connection was made ready."""

    def take(path, ready):
        ready()
        permit(path)
        return Granted()

    return take


@dataclass
class Granted:
    """A permit that is fresh or not; what happens to it is appended to ``events``."""

    fresh: bool = True
    events: list[str] = field(default_factory=list)

    def is_fresh(self):
        return self.fresh

    def written(self):
        self.events.append("written")


def test_permission_is_asked_on_an_open_connection_before_anything_is_written(paced, wire):
    seen = []
    session = paced(lambda path: seen.append((path, wire.wait_for_connections(1), len(wire.requests))))

    session.get(f"{wire.url}/export?secret=1", timeout=5)

    assert seen == [("/export", 1, 0)]
    assert [written.target for written in wire.requests] == ["/export?secret=1"]


def test_permission_is_asked_once_for_each_request_on_one_connection(paced, wire):
    asked = []
    session = paced(asked.append)

    for number in range(3):
        session.get(f"{wire.url}/page/{number}", timeout=5)

    assert asked == ["/page/0", "/page/1", "/page/2"]
    assert [written.target for written in wire.requests] == asked
    assert wire.wait_for_connections(1) == 1


def test_a_connection_that_was_closed_while_waiting_for_permission_is_replaced_before_it_is_taken(wire):
    seen = []

    def permit(path, ready):
        ready()
        wire.wait_for_connections(1)
        wire.hang_up()  # during a long wait
        ready()
        seen.append((path, wire.wait_for_connections(2), len(wire.requests)))
        return Granted()

    with requests.Session() as session:
        session.trust_env = False
        session.mount("http://", PacedAdapter(permit))
        assert session.get(f"{wire.url}/export", timeout=5).status_code == 200

    assert seen == [("/export", 2, 0)]
    assert [written.target for written in wire.requests] == ["/export"]


def test_a_connection_that_was_closed_right_after_the_permit_takes_another_permit(paced, wire):
    permits = []

    def permit(path):
        permits.append(path)
        wire.wait_for_connections(len(permits))
        if len(permits) == 1:
            wire.hang_up()

    assert paced(permit).get(f"{wire.url}/export", timeout=5).status_code == 200

    assert permits == ["/export", "/export"]
    assert wire.wait_for_connections(2) == 2
    assert len(wire.requests) == 1


def test_a_server_that_closes_every_connection_gets_no_request_and_few_permits(paced, wire):
    permits = []

    def permit(path):
        permits.append(path)
        wire.wait_for_connections(len(permits))
        wire.hang_up()

    with pytest.raises(requests.exceptions.ConnectionError, match="closes each connection before a request"):
        paced(permit).get(f"{wire.url}/export", timeout=5)

    assert len(permits) == 3
    assert wire.requests == []


def test_a_connection_that_was_closed_between_two_requests_is_replaced_before_permission_is_asked(
    paced, wire
):
    seen = []
    session = paced(lambda path: seen.append(wire.wait_for_connections(len(seen) + 1)))
    session.get(f"{wire.url}/first", timeout=5)
    wire.hang_up()

    session.get(f"{wire.url}/second", timeout=5)

    assert seen == [1, 2]


def test_a_body_that_is_posted_after_a_replacement_is_whole(paced, wire):
    permits = []

    def permit(path):
        permits.append(path)
        wire.wait_for_connections(len(permits))
        if len(permits) == 1:
            wire.hang_up()

    paced(permit).post(f"{wire.url}/export", data='{"a": 1}', timeout=5)

    assert [(written.method, written.body) for written in wire.requests] == [("POST", b'{"a": 1}')]


def test_a_permit_that_became_stale_before_the_request_is_written_is_not_used(wire):
    events = []
    grants = [Granted(False, events), Granted(False, events), Granted(False, events), Granted(True, events)]

    def permit(path, ready):
        ready()
        events.append(len(wire.requests))
        return grants.pop(0)

    with requests.Session() as session:
        session.trust_env = False
        session.mount("http://", PacedAdapter(permit))
        session.get(f"{wire.url}/export", timeout=5)

    assert events == [0, 0, 0, 0, "written"]
    assert len(wire.requests) == 1


def test_without_permission_nothing_is_written(paced, wire):
    def refuse(path):
        raise PermissionError("not now")

    with pytest.raises((PermissionError, requests.exceptions.ConnectionError), match="not now"):
        paced(refuse).get(f"{wire.url}/export", timeout=5)

    wire.wait_for_connections(1)
    assert wire.requests == []


def test_a_request_that_fails_is_not_repeated_without_a_new_permission(paced, wire):
    wire.script = [b""]
    asked = []

    with pytest.raises(requests.exceptions.ConnectionError):
        paced(asked.append).get(f"{wire.url}/export", timeout=5)

    assert asked == ["/export"]
    assert len(wire.requests) == 1


def test_an_answer_that_closes_the_connection_lets_the_next_request_open_another(paced, wire):
    wire.script = [answer(200, {}, Connection="close")]
    session = paced(lambda path: None)

    session.get(f"{wire.url}/first", timeout=5)
    session.get(f"{wire.url}/second", timeout=5)

    assert wire.wait_for_connections(2) == 2


def test_requests_through_a_proxy_are_paced_too(paced, wire):
    seen = []
    session = paced(lambda path: seen.append((path, wire.wait_for_connections(1), len(wire.requests))))

    session.get("http://vendor.invalid/export", proxies={"http": wire.url}, timeout=5)

    assert seen == [("/export", 1, 0)]
    assert [written.target for written in wire.requests] == ["http://vendor.invalid/export"]
