"""What hooks send, and what `HttpHook` would send for them."""

from __future__ import annotations

import pytest
from airflow.providers.http.hooks.http import HttpHook

from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.export.fetch.retry import RetryPolicy
from airflow_provider_convexport.hooks.ada import AdaHook
from airflow_provider_convexport.hooks.session import ClientOnlyHook
from airflow_provider_convexport.hooks.vendors import hook_of, vendors
from tests.support.tiny_server import as_json, tiny_server
from tests.support.wire import answer, open_wire

DAY = ("2026-04-01T00:00:00Z", "2026-04-02T00:00:00Z")


@pytest.fixture
def proxy():
    """A proxy that answers itself and so receives whatever is sent to it."""
    with tiny_server() as tiny:
        tiny.fallback = lambda asked: as_json({"data": []})
        yield tiny


def use_by_environment(proxy, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_plain_http_to_this_machine_never_goes_to_a_proxy_of_the_environment(
    connect, monkeypatch, server, proxy, host
):
    server.fallback = lambda asked: as_json({"data": []})
    use_by_environment(proxy, monkeypatch)
    connect("ada", server.url.replace("127.0.0.1", host))

    assert list(AdaHook().export_conversations(*DAY)) == []

    assert proxy.asked == []
    assert server.asked


def test_plain_http_to_a_private_network_never_goes_to_a_proxy_of_the_environment(
    connect, monkeypatch, proxy
):
    use_by_environment(proxy, monkeypatch)
    connect("ada", "http://vendor.invalid", extra={"allow_http": True})
    hook = AdaHook()
    hook.retry = RetryPolicy(max_tries=1)

    worked, _ = hook.test_connection()

    assert not worked
    assert proxy.asked == []


def test_https_goes_through_the_tunnel_of_a_proxy_of_the_environment(connect, monkeypatch):
    monkeypatch.delenv("no_proxy", raising=False)
    connect("ada", "https://vendor.invalid")
    hook = AdaHook()
    hook.retry = RetryPolicy(max_tries=1)
    with open_wire() as wire:
        wire.script = [answer(407)]
        monkeypatch.setenv("https_proxy", wire.url)

        hook.test_connection()

    (sent,) = wire.requests
    assert (sent.method, sent.target) == ("CONNECT", "vendor.invalid:443")
    assert "authorization" not in sent.headers


WAYS = ["get_conn", "run", "run_and_check", "run_with_advanced_retry", "check_response", "url_from_endpoint"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("vendor", vendors())
def test_no_request_goes_round_the_client(connect, server, caplog, vendor, way):
    connect(vendor, server.url)
    hook = hook_of(vendor)()

    with pytest.raises(ConfigurationError) as caught:
        getattr(hook, way)("/anything", data={"x": 1})

    name = type(hook).__name__
    assert str(caught.value) == (
        f"{name}.{way}() is not available, because it would bypass the rate limits and the checks that "
        f"protect the key; use the methods of {name} that export records, or an HttpHook with a connection "
        "of type http for other requests."
    )
    assert server.asked == []


def test_every_public_method_of_the_http_hook_is_refused_or_replaced():
    public = {name for name, value in vars(HttpHook).items() if name[0] != "_" and callable(value)}

    assert public - {"test_connection"} <= set(vars(ClientOnlyHook))
    assert all(hook_of(vendor).test_connection is not HttpHook.test_connection for vendor in vendors())
