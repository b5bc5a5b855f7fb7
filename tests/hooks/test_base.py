from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pendulum
import pytest
import requests

from airflow_provider_convexport.errors import ConfigurationError, ConvExportError
from airflow_provider_convexport.export.fetch.client import Client
from airflow_provider_convexport.export.fetch.retry import RetryPolicy
from airflow_provider_convexport.export.window import Window
from airflow_provider_convexport.hooks.ada import AdaHook
from airflow_provider_convexport.hooks.agentx import AgentXHook
from airflow_provider_convexport.hooks.applied_labs import AppliedLabsHook
from airflow_provider_convexport.hooks.base import as_parameter, window_between
from airflow_provider_convexport.hooks.vendors import hook_of, vendors
from airflow_provider_convexport.simulator.registry import registered_vendors
from tests.support.connections import KEY
from tests.support.tiny_server import as_json, tiny_server
from tests.support.vendors import SHOP, scope_of

HOOKS = {vendor: hook_of(vendor) for vendor in vendors()}
EVERY = pytest.mark.parametrize("vendor", HOOKS)
APRIL_1 = pendulum.datetime(2026, 4, 1)


def settings_of(vendor="ada"):
    return HOOKS[vendor]().settings


def key_in(asked, vendor):
    """Return the key of a request, read from where the vendor's API expects it, which the simulator knows."""
    (api,) = (each for each in registered_vendors() if each.name == vendor)
    return api.key(SimpleNamespace(headers={name.lower(): value for name, value in asked.headers.items()}))


class TestConnection:
    @EVERY
    def test_making_a_hook_looks_nothing_up(self, vendor):
        hook = HOOKS[vendor]("there_is_no_such_connection")

        assert hook.http_conn_id == "there_is_no_such_connection"

    @EVERY
    def test_a_connection_as_json(self, vendor, connect):
        connect(vendor, "https://acme.example")

        settings = settings_of(vendor)

        assert (settings.base_url, settings.key) == ("https://acme.example", KEY)
        assert settings.extras == scope_of(vendor)
        assert (settings.timeout, settings.verify, settings.proxies) == (120.0, True, {})

    @pytest.mark.parametrize(
        ("uri", "base_url"),
        [
            ("ada://:{key}@acme.ada.support", "https://acme.ada.support"),
            ("ada://:{key}@acme.ada.support/", "https://acme.ada.support"),
            ("ada://:{key}@https%3A%2F%2Facme.ada.support", "https://acme.ada.support"),
            ("ada://https://:{key}@acme.ada.support", "https://acme.ada.support"),
            ("ada://:{key}@acme.eu.ada.support:8443", "https://acme.eu.ada.support:8443"),
            ("ada://:{key}@127.0.0.1:8080/http", "http://127.0.0.1:8080"),
        ],
    )
    def test_a_connection_as_a_uri(self, monkeypatch, uri, base_url):
        monkeypatch.setenv("AIRFLOW_CONN_ADA_DEFAULT", uri.format(key="a%2Fb%2Bc"))

        settings = settings_of()

        assert (settings.base_url, settings.key) == (base_url, "a/b+c")

    def test_extras_of_a_uri_are_texts_and_work_all_the_same(self, monkeypatch):
        monkeypatch.setenv(
            "AIRFLOW_CONN_AGENTX_DEFAULT",
            "agentx://:key@vendor.internal/http?bot_name=Z%C3%BCrich&timeout=7.5&allow_http=true",
        )

        settings = settings_of("agentx")

        assert settings.base_url == "http://vendor.internal"
        assert (settings.extras, settings.timeout) == ({"bot_name": "Zürich"}, 7.5)

    @pytest.mark.parametrize(
        ("vendor", "address"),
        [("applied_labs", "https://core.appliedlabs.ai"), ("agentx", "https://api.converseapps.com")],
    )
    @pytest.mark.parametrize("host", [None, "", "  "])
    def test_a_vendor_with_one_address_needs_no_host(self, connect, vendor, address, host):
        connect(vendor, host)

        assert settings_of(vendor).base_url == address

    def test_ada_needs_the_instances_own_host(self, connect):
        connect("ada", None)

        with pytest.raises(
            ConfigurationError, match="The connection ada_default has no host; set it to your own Ada address"
        ):
            settings_of()

    @pytest.mark.parametrize(
        ("host", "base_url"),
        [
            ("acme.ada.support", "https://acme.ada.support"),
            ("https://acme.ada.support/", "https://acme.ada.support"),
            (" https://acme.ada.support ", "https://acme.ada.support"),
            ("https://acme.ada.support:8443", "https://acme.ada.support:8443"),
        ],
    )
    def test_a_host_is_read_with_and_without_its_scheme(self, connect, host, base_url):
        connect("ada", host)

        assert settings_of().base_url == base_url

    def test_a_port_is_added_once(self, connect):
        connect("ada", "https://acme.example", port=8443)
        assert settings_of().base_url == "https://acme.example:8443"
        connect("ada", "https://acme.example:9000", port=8443)
        assert settings_of().base_url == "https://acme.example:9000"

    @pytest.mark.parametrize(
        "host",
        [
            "https://acme.example/api/v2",
            "https://acme.example?x=1",
            "ftp://acme.example",
            "https://",
            "https://user@acme.example",
            "https://user:secretpass@acme.example",
            "https://:secretpass@acme.example",
            "https://acme.example:port",
            "https://acme.example:99999",
            "https://[acme.example",
        ],
    )
    def test_a_host_that_is_more_than_an_address_is_refused(self, connect, host):
        connect("ada", host)

        with pytest.raises(
            ConfigurationError, match=r"has an unusable host; write it as https://name.example.com alone"
        ) as caught:
            settings_of()
        assert "secretpass" not in str(caught.value)

    @pytest.mark.parametrize(
        "host",
        [
            "http://acme.example",
            "http://10.0.0.7",
            "http://localhost.evil.example",
            "http://127.0.0.1.evil.example",
        ],
    )
    def test_plain_http_is_refused(self, connect, host):
        connect("ada", host)

        with pytest.raises(
            ConfigurationError, match="uses plain http, which would show the key to the network; use https"
        ):
            settings_of()

    @pytest.mark.parametrize(
        "host", ["http://localhost:8000", "http://127.0.0.1", "http://127.9.9.9:1", "http://[::1]:8000"]
    )
    def test_plain_http_is_allowed_to_this_machine(self, connect, host):
        connect("ada", host)

        assert settings_of().base_url == host

    @pytest.mark.parametrize("flag", [True, "true", "True", "1", "yes", 1])
    def test_plain_http_is_allowed_when_the_connection_says_so(self, connect, flag):
        connect("ada", "http://acme.internal", extra={"allow_http": flag})

        assert settings_of().base_url == "http://acme.internal"

    @pytest.mark.parametrize("flag", [False, "false", "0", "no", "", None, 0])
    def test_plain_http_stays_refused_when_the_connection_says_no(self, connect, flag):
        connect("ada", "http://acme.internal", extra={"allow_http": flag})

        with pytest.raises(ConfigurationError, match="plain http"):
            settings_of()

    @EVERY
    @pytest.mark.parametrize("password", [None, "", "   "])
    def test_a_missing_key_says_where_to_put_it(self, connect, vendor, password):
        connect(vendor, "https://acme.example", password=password)

        with pytest.raises(ConfigurationError, match="has no API key; put it into the password"):
            settings_of(vendor)

    @pytest.mark.parametrize("key", [f"{KEY}\nX-Other: 1", f"{KEY}\r", f"{KEY} x", f"{KEY}\x00", f"{KEY}é"])
    def test_a_key_that_no_header_can_hold_is_refused_without_showing_it(self, connect, key):
        connect("ada", "https://acme.example", password=f"x{key}x")

        with pytest.raises(ConfigurationError, match="characters that no key has; paste it again") as caught:
            settings_of()
        assert KEY not in str(caught.value)

    def test_white_space_around_a_pasted_key_is_forgiven(self, connect):
        connect("ada", "https://acme.example", password=f" {KEY}\n")

        assert settings_of().key == KEY

    @pytest.mark.parametrize("value", [None, ""])
    def test_an_empty_timeout_is_the_default(self, connect, value):
        connect("ada", "https://acme.example", extra={"timeout": value})

        assert settings_of().timeout == 120.0

    @pytest.mark.parametrize("value", [0, -1, "soon", "nan", "inf", [], {}])
    def test_another_timeout_is_refused(self, connect, value):
        connect("ada", "https://acme.example", extra={"timeout": value})

        with pytest.raises(ConfigurationError, match="write a number of seconds above 0"):
            settings_of()

    @pytest.mark.parametrize("value", [{"https": "http://proxy:3128"}, '{"https": "http://proxy:3128"}'])
    def test_proxies_are_an_object_or_its_text(self, connect, value):
        connect("ada", "https://acme.example", extra={"proxies": value})

        assert settings_of().proxies == {"https": "http://proxy:3128"}

    @pytest.mark.parametrize("value", ["http://proxy:3128", ["http://proxy"], {"https": 1}, 5, "[1]"])
    def test_other_proxies_are_refused(self, connect, value):
        connect("ada", "https://acme.example", extra={"proxies": value})

        with pytest.raises(ConfigurationError, match="unusable proxies; write an object"):
            settings_of()

    @pytest.mark.parametrize("value", [True, "true", "True", "", None])
    def test_the_systems_own_authorities_are_the_default(self, connect, value):
        connect("ada", "https://acme.example", extra={"verify": value})

        assert settings_of().verify is True

    def test_a_bundle_of_authorities_is_a_path(self, connect, tmp_path):
        bundle = tmp_path / "ca.pem"
        bundle.touch()
        connect("ada", "https://acme.example", extra={"verify": str(bundle)})

        assert settings_of().verify == str(bundle)

    @pytest.mark.parametrize("value", [False, "false", "False", "0", "no", 0])
    def test_certificates_cannot_be_left_unchecked(self, connect, value):
        connect("ada", "https://acme.example", extra={"verify": value})

        with pytest.raises(ConfigurationError, match="switches TLS verification off"):
            settings_of()

    def test_a_bundle_that_does_not_exist_is_refused(self, connect):
        connect("ada", "https://acme.example", extra={"verify": "/no/such/bundle.pem"})

        with pytest.raises(ConfigurationError, match=r"/no/such/bundle.pem"):
            settings_of()

    def test_settings_do_not_show_the_key(self, connect):
        connect("ada", "https://acme.example", extra={"proxies": {"https": "http://u:proxypass@p"}})

        assert repr(settings_of()) == "Settings(base_url='https://acme.example')"

    @EVERY
    def test_the_account_does_not_show_the_key_but_tells_accounts_apart(self, connect, vendor):
        connect(vendor, "https://acme.example")
        hook = HOOKS[vendor]()
        one = hook.account(hook.settings)
        connect(vendor, "https://other.example")
        hook = HOOKS[vendor]()

        assert KEY not in one
        assert one.startswith(f"{vendor}:")
        assert hook.account(hook.settings) != one

    @EVERY
    def test_either_a_scope_or_a_public_account_tells_datasets_apart(self, connect, vendor):
        connect(vendor, "https://acme.example")
        query = HOOKS[vendor]().query()

        assert bool(query.scope) is not bool(query.account)
        assert KEY not in query.account


class TestSession:
    @EVERY
    def test_the_key_travels_in_the_vendors_header(self, connect, answer_empty, vendor):
        connect(vendor, answer_empty.url)

        list(HOOKS[vendor]().export_conversations(APRIL_1, APRIL_1.add(hours=1)))

        asked = answer_empty.asked[0]
        assert key_in(asked, vendor) == KEY
        assert asked.headers["Accept"] == "application/json"
        assert asked.headers["User-Agent"].startswith("airflow-provider-convexport/")
        assert KEY not in asked.target

    @EVERY
    def test_unknown_extras_are_not_spread_into_headers(self, connect, answer_empty, vendor):
        connect(vendor, answer_empty.url)
        list(HOOKS[vendor]().export_conversations(APRIL_1, APRIL_1.add(hours=1)))
        usual = set(answer_empty.asked.pop().headers)

        connect(
            vendor,
            answer_empty.url,
            extra={
                **scope_of(vendor),
                "X-Evil": "1",
                "headers": {"X-Evil": "1"},
                "check_response": False,
                "stream": True,
            },
        )

        list(HOOKS[vendor]().export_conversations(APRIL_1, APRIL_1.add(hours=1)))

        hook = HOOKS[vendor]()
        assert set(answer_empty.asked[0].headers) == usual
        assert {name.lower() for name in usual} <= {
            "host",
            "user-agent",
            "accept",
            "accept-encoding",
            "connection",
            "content-type",
            "content-length",
            *(name.lower() for name in hook.auth_headers(hook.settings)),
        }

    @EVERY
    def test_a_netrc_file_does_not_override_the_key(
        self, connect, answer_empty, vendor, monkeypatch, tmp_path
    ):
        netrc = tmp_path / "netrc"
        netrc.write_text("machine 127.0.0.1 login someone password else\n")
        netrc.chmod(0o600)
        monkeypatch.setenv("NETRC", str(netrc))
        connect(vendor, answer_empty.url)

        list(HOOKS[vendor]().export_conversations(APRIL_1, APRIL_1.add(hours=1)))

        assert key_in(answer_empty.asked[0], vendor) == KEY
        assert "Basic" not in json.dumps(answer_empty.asked[0].headers)

    def test_the_connections_proxy_is_used_whatever_the_environment_says(self, connect, monkeypatch):
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
        with tiny_server() as proxy:
            proxy.fallback = lambda asked: as_json({"data": []})
            connect(
                "ada", "http://vendor.invalid", extra={"allow_http": True, "proxies": {"http": proxy.url}}
            )
            hook = AdaHook()
            hook.retry = RetryPolicy(max_tries=1)

            list(hook.export_conversations(APRIL_1, APRIL_1.add(hours=1)))

            assert proxy.asked[0].target.startswith("http://vendor.invalid/api/v2/export/conversations?")

    def test_the_connections_bundle_is_used_whatever_the_environment_says(
        self, connect, monkeypatch, tmp_path
    ):
        bundle = tmp_path / "ca.pem"
        bundle.touch()
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/of/somebody/else.pem")
        connect("ada", "https://acme.example", extra={"verify": str(bundle)})
        used = []

        def send(self, request, **kwargs):
            used.append(kwargs["verify"])
            raise requests.exceptions.ConnectionError

        monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", send)
        hook = AdaHook()
        hook.retry = RetryPolicy(max_tries=1)
        with pytest.raises(ConvExportError):
            list(hook.export_conversations(APRIL_1, APRIL_1.add(hours=1)))

        assert used == [str(bundle)]

    def test_the_timeout_of_the_connection_reaches_the_client(self, connect):
        connect("ada", "https://acme.example", extra={"timeout": "7"})

        assert AdaHook().client.timeout == (10.0, 7.0)


class TestTestConnection:
    @EVERY
    def test_it_sends_one_cheap_request(self, connect, answer_empty, vendor):
        connect(vendor, answer_empty.url)
        hook = HOOKS[vendor]()

        assert hook.test_connection() == (True, f"{hook.title} answered and accepted the key.")
        assert len(answer_empty.asked) == 1

    @EVERY
    def test_a_refused_key_is_told_without_showing_it(self, connect, refuse, vendor):
        connect(vendor, refuse.url)

        worked, message = HOOKS[vendor]().test_connection()

        assert not worked
        assert "status 401" in message
        assert "Check the API key" in message
        assert KEY not in message
        assert "customer" not in message

    @EVERY
    @pytest.mark.parametrize(
        "changes",
        [
            {"password": None},
            {"password": f"{KEY}\nx"},
            {"host": "http://acme.example"},
            {"extra": {"timeout": "x"}},
            {"extra": {"verify": False}},
            {"extra": "not JSON"},
            {"extra": []},
        ],
    )
    def test_it_never_raises(self, connect, vendor, changes):
        connect(
            vendor,
            **{"host": "https://127.0.0.1:1", **changes, "port": None}
            | ({} if "extra" in changes else {"extra": {}}),
        )

        hook = HOOKS[vendor]()
        if hook.address is not None or "extra" in changes:
            hook.__dict__["client"] = Client(
                "T", "https://127.0.0.1:1", _no_session, _free_budget(), retry=RetryPolicy(max_tries=1)
            )
        worked, message = hook.test_connection()

        assert not worked
        assert KEY not in message
        assert message

    def test_a_connection_that_does_not_exist_is_told(self):
        worked, message = AdaHook("there_is_no_such_connection").test_connection()

        assert not worked
        assert "there_is_no_such_connection" in message

    @pytest.mark.parametrize(("vendor", "missing"), [("applied_labs", "shop_id"), ("agentx", "bot_name")])
    def test_a_missing_scope_is_told(self, connect, answer_empty, vendor, missing):
        connect(vendor, answer_empty.url, extra={})

        worked, message = HOOKS[vendor]().test_connection()

        assert not worked
        assert f"set the extra {missing} of the connection {vendor}_default" in message
        assert answer_empty.asked == []


def _no_session():
    raise requests.exceptions.ConnectionError


def _free_budget():
    from airflow_provider_convexport.export.fetch.budget import Budget  # noqa: PLC0415

    return Budget("test", ())


class TestQuery:
    @EVERY
    def test_another_stream_is_refused(self, connect, vendor):
        connect(vendor, "https://acme.example")

        with pytest.raises(ConfigurationError, match=r"stream='tickets' does not exist at .*; use one of"):
            HOOKS[vendor]().query(stream="tickets")

    @EVERY
    def test_another_filter_is_refused(self, connect, vendor):
        connect(vendor, "https://acme.example")

        with pytest.raises(ConfigurationError, match=r"filters \['cursor', 'evil'\] do not exist for"):
            HOOKS[vendor]().query(filters={"evil": 1, "cursor": "x"})

    @EVERY
    def test_another_window_is_refused(self, connect, vendor):
        connect(vendor, "https://acme.example")

        with pytest.raises(ConfigurationError, match="window_on='resolved' does not exist for"):
            HOOKS[vendor]().query(window_on="resolved")

    @pytest.mark.parametrize(("vendor", "days"), [("applied_labs", 30), ("ada", 60)])
    def test_a_request_window_that_the_vendor_refuses_is_not_sent(self, connect, vendor, days):
        connect(vendor, "https://acme.example")

        with pytest.raises(
            ConfigurationError, match=rf"{days} days is not accepted .* at most {days - 1} days"
        ):
            HOOKS[vendor]().query(request_window=timedelta(days=days))

    def test_a_vendor_that_states_no_longest_window_takes_any(self, connect):
        connect("agentx", "https://acme.example")
        window = Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))

        assert list(AgentXHook().query(request_window=timedelta(days=90)).windows(window)) == [window]

    @pytest.mark.parametrize("length", [timedelta(0), timedelta(milliseconds=999), 3600, "1 day"])
    def test_a_request_window_that_is_no_span_is_refused(self, connect, length):
        connect("ada", "https://acme.example")

        with pytest.raises(ConfigurationError, match="is not a timedelta of one second or more"):
            AdaHook().query(request_window=length)

    @pytest.mark.parametrize(
        ("vendor", "sizes"), [("applied_labs", (0, 101)), ("ada", (99, 10_001)), ("agentx", (0, 1001))]
    )
    def test_a_page_size_that_the_vendor_refuses_is_not_sent(self, connect, vendor, sizes):
        connect(vendor, "https://acme.example")

        for size in sizes:
            with pytest.raises(ConfigurationError, match=f"page_size={size} is not accepted by"):
                HOOKS[vendor]().query(page_size=size)

    def test_a_filter_without_a_value_is_left_out(self, connect):
        connect("applied_labs", "https://acme.example")

        assert AppliedLabsHook().query(filters={"agent_id": None, "id": "x"}).filters == {"id": "x"}

    def test_the_scope_of_the_dag_wins_over_the_connections(self, connect):
        connect("applied_labs", "https://acme.example")
        connect("agentx", "https://acme.example")
        other = SHOP.replace("1", "2")

        assert AppliedLabsHook(shop_id=other).scope() == {"shop_id": other}
        assert AgentXHook(bot_name=" sales ").scope() == {"bot_name": "sales"}
        assert AdaHook().scope() == {}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a,b", "a,b"),
        (["a", "b"], "a,b"),
        (("a", 1), "a,1"),
        (True, "true"),
        (5, "5"),
        ([True, False], "true,false"),
    ],
)
def test_parameters_are_written_as_the_vendors_read_them(value, text):
    assert as_parameter(value) == text


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (APRIL_1, APRIL_1.add(days=1)),
        ("2026-04-01T00:00:00Z", "2026-04-02T02:00:00+02:00"),
        (datetime(2026, 4, 1, tzinfo=UTC), APRIL_1.add(days=1).in_timezone("Asia/Tokyo")),
    ],
)
def test_a_window_is_read_from_moments_and_texts(start, end):
    assert window_between(start, end) == Window(
        datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 4, 2, tzinfo=UTC)
    )


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-04-01", "2026-04-02T00:00:00Z"),
        (datetime(2026, 4, 1), APRIL_1.add(days=1)),  # noqa: DTZ001
        ("2026-04-02T00:00:00Z", "2026-04-01T00:00:00Z"),
        (APRIL_1, APRIL_1),
        ("soon", APRIL_1),
        (None, APRIL_1),
        (APRIL_1, 5),
        (APRIL_1.date(), APRIL_1),
    ],
)
def test_a_window_that_cannot_be_used_is_refused(start, end):
    with pytest.raises(ConfigurationError, match=r"The interval .* cannot be used"):
        window_between(start, end)
