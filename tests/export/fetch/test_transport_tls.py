"""Real TLS: one permit and one handshake for what needs one, and never more than the limit."""

from __future__ import annotations

import ssl
import time
from contextlib import ExitStack
from datetime import timedelta

import pytest
import requests

from airflow_provider_convexport.export.fetch.budget import Budget
from airflow_provider_convexport.export.fetch.client import Client
from airflow_provider_convexport.export.fetch.limit import Limit
from airflow_provider_convexport.export.fetch.request import PageRequest
from tests.support.tls_server import make_certificate, most_in_any, tls_server, tunnelling_proxy

VERSIONS = pytest.mark.parametrize(
    "version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["TLS 1.2", "TLS 1.3"]
)
ROUTES = pytest.mark.parametrize("proxied", [False, True], ids=["direct", "through a proxy"])
PERIOD = 0.5
LIMIT = 3


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def vendor(certificate):
    """Make a server and a client for it, with a budget of 3 in half a second."""
    with ExitStack() as stack:

        def make(version, *, proxied=False, idle=60.0):
            server = stack.enter_context(tls_server(certificate, version, idle=idle))
            proxies = {"https": stack.enter_context(tunnelling_proxy()).url} if proxied else {}

            def new_session():
                session = stack.enter_context(requests.Session())
                session.trust_env = False
                session.verify = str(certificate)
                session.proxies.update(proxies)
                return session

            budget = Budget("acme", (Limit(LIMIT, timedelta(seconds=PERIOD)),))
            return server, Client("Acme", server.url, new_session, budget, timeout=(5, 5))

        yield make


def fetch(client, count=1, pause=0.0):
    for _ in range(count):
        client.fetch(PageRequest(f"{client.base_url}/export"), bytes)
        time.sleep(pause)


@VERSIONS
@ROUTES
def test_all_requests_use_one_connection_and_the_whole_limit(vendor, version, proxied):
    server, client = vendor(version, proxied=proxied)

    begun = time.monotonic()
    fetch(client, 13)

    assert server.handshakes == 1
    assert client.usage.requests == len(server.arrivals) == 13
    assert most_in_any(PERIOD, server.arrivals) <= LIMIT
    assert time.monotonic() - begun < 4 * PERIOD * 1.04 * 1.2


@VERSIONS
@ROUTES
def test_connections_that_are_closed_while_idle_are_replaced_before_the_permit_is_taken(
    vendor, version, proxied
):
    server, client = vendor(version, proxied=proxied, idle=0.05)

    fetch(client, 10)

    assert most_in_any(PERIOD, server.arrivals) <= LIMIT
    assert client.usage.requests == len(server.arrivals) == 10
    # One after each of three waits, and two more if opening a connection took another time than before.
    assert server.handshakes <= 1 + 3 * 3


@VERSIONS
@ROUTES
def test_every_connection_of_a_server_that_closes_it_after_each_answer_takes_one_permit(
    vendor, version, proxied
):
    server, client = vendor(version, proxied=proxied, idle=0.03)

    fetch(client, 8, pause=0.08)

    assert most_in_any(PERIOD, server.arrivals) <= LIMIT
    assert client.usage.requests == len(server.arrivals) == 8


@VERSIONS
def test_a_connection_on_which_tickets_have_arrived_is_not_replaced_after_a_pause(vendor, version):
    server, client = vendor(version)

    fetch(client, 2, pause=0.2)

    assert server.handshakes == 1


@ROUTES
def test_a_pause_during_which_the_server_closes_the_connection_costs_no_permit(vendor, proxied):
    server, client = vendor(ssl.TLSVersion.TLSv1_3, proxied=proxied)
    fetch(client)
    server.hang_up()
    client.budget.pause(0.2)

    fetch(client)

    assert client.usage.requests == len(server.arrivals) == 2
    assert server.handshakes == 2
