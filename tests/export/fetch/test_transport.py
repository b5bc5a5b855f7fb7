from __future__ import annotations

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
    """Make a session that asks for permission, ``permit``, before each request."""
    sessions = []

    def make(permit):
        session = requests.Session()
        session.trust_env = False
        session.mount("http://", PacedAdapter(permit))
        sessions.append(session)
        return session

    yield make
    for session in sessions:
        session.close()


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


def test_a_connection_that_was_closed_while_waiting_for_permission_is_replaced(paced, wire):
    waits = []

    def permit(path):
        waits.append(path)
        if len(waits) == 2:
            wire.hang_up()

    session = paced(permit)
    session.get(f"{wire.url}/first", timeout=5)

    assert session.get(f"{wire.url}/second", timeout=5).status_code == 200

    assert waits == ["/first", "/second"]
    assert [written.target for written in wire.requests] == ["/first", "/second"]
    assert wire.wait_for_connections(2) == 2


def test_even_a_new_connection_is_replaced_if_it_was_closed_while_waiting(paced, wire):
    def permit(path):
        wire.wait_for_connections(1)
        wire.hang_up()

    assert paced(permit).get(f"{wire.url}/export", timeout=5).status_code == 200
    assert wire.wait_for_connections(2) == 2
    assert len(wire.requests) == 1


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
    def permit(path):
        wire.wait_for_connections(1)
        wire.hang_up()

    paced(permit).post(f"{wire.url}/export", data='{"a": 1}', timeout=5)

    assert [(written.method, written.body) for written in wire.requests] == [("POST", b'{"a": 1}')]


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


def test_a_tunnel_that_was_closed_while_waiting_is_an_error_that_makes_the_client_try_again(wire):
    """Closing forgets the tunnel, so a replacement would send the key to the proxy in plain text."""

    def permit(path):
        wire.hang_up()

    manager = PacedAdapter(permit).proxy_manager_for(wire.url)
    host, port = wire.url.removeprefix("http://").split(":")
    connection = manager.pool_classes_by_scheme["http"].ConnectionCls(host, int(port))
    connection.set_tunnel("vendor.invalid", 80)
    try:
        with pytest.raises(
            ConnectionResetError, match=r"^The connection was closed while waiting for the budget\.$"
        ):
            connection.request("GET", "/export")
    finally:
        connection.close()

    assert [(written.method, written.target) for written in wire.requests] == [
        ("CONNECT", "vendor.invalid:80")
    ]
