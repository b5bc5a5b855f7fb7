"""`read_settings` alone; how hooks read whole connections is tested in `test_base`."""

from __future__ import annotations

import json

import pytest
from airflow.sdk import Connection

from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.hooks.settings import READ_TIMEOUT, Settings, read_settings

KEY = "top-secret-key-42"
OWN_HOST = "https://acme.example"


def read(*, address=None, extras=("shop_id", "region"), **changes):
    """Return the settings of a good connection that some arguments replace."""
    facts = {"conn_id": "acme", "conn_type": "acme", "host": OWN_HOST, "password": KEY} | changes
    if not isinstance(facts.setdefault("extra", {}), str):
        facts["extra"] = json.dumps(facts["extra"])
    return read_settings(
        Connection(**facts), conn_id="acme_prod", title="Acme", address=address, extras=extras
    )


def refusal(**changes):
    with pytest.raises(ConfigurationError) as caught:
        read(**changes)
    assert KEY not in str(caught.value)
    return str(caught.value)


def test_a_connection_with_a_host_and_a_key_is_enough():
    assert read() == Settings(
        base_url=OWN_HOST, key=KEY, extras={}, timeout=READ_TIMEOUT, proxies={}, verify=True
    )


def test_everything_that_a_connection_may_say(tmp_path):
    bundle = tmp_path / "ca.pem"
    bundle.touch()
    extra = {
        "shop_id": " s-1 ",
        "region": "eu",
        "timeout": "7.5",
        "proxies": {"https": "http://proxy:3128", "http": "http://proxy:3129"},
        "verify": str(bundle),
    }

    assert read(host="acme.example", port=8443, extra=extra) == Settings(
        base_url="https://acme.example:8443",
        key=KEY,
        extras={"shop_id": "s-1", "region": "eu"},
        timeout=7.5,
        proxies={"https": "http://proxy:3128", "http": "http://proxy:3129"},
        verify=str(bundle),
    )


@pytest.mark.parametrize(
    ("changes", "base_url"),
    [
        ({"host": None, "address": "https://api.acme.example"}, "https://api.acme.example"),
        ({"host": " / ", "address": "https://api.acme.example"}, "https://api.acme.example"),
        ({"host": "acme.example", "address": "https://api.acme.example"}, "https://acme.example"),
        ({"host": "acme.example", "schema": "https"}, "https://acme.example"),
        ({"host": "acme.example", "schema": "public"}, "https://acme.example"),
        ({"host": "127.0.0.1", "schema": "http", "port": 80}, "http://127.0.0.1"),
        ({"host": "https://acme.example", "schema": "http"}, "https://acme.example"),
        ({"host": "[::1]", "port": 8443}, "https://[::1]:8443"),
        ({"host": "https://acme.example//"}, "https://acme.example"),
        ({"host": "https://acme.example:9000", "port": 8443}, "https://acme.example:9000"),
    ],
)
def test_scheme_host_and_port_are_put_together(changes, base_url):
    assert read(**changes).base_url == base_url


UNUSABLE = "The connection acme_prod has an unusable host; write it as https://name.example.com alone."
PLAIN = (
    "The connection acme_prod uses plain http, which would show the key to the network; use https, "
    "or set the extra allow_http to true if the network to that host is private."
)
PROXIED = (
    "The connection acme_prod uses plain http to this machine through a proxy, which would show the key to "
    "the network; remove the proxy for http from the extra proxies, or set the extra allow_http to true if "
    "the network to the proxy is private."
)
PROXIES = (
    'The connection acme_prod has unusable proxies; write an object such as {"https": "http://proxy:3128"}.'
)
VERIFY = (
    "The connection acme_prod switches TLS verification off, which would show the key to anyone on the "
    "network; set the extra verify to the path of a CA bundle instead."
)
NO_KEY = "The connection acme_prod has no API key; put it into the password."
ODD_KEY = "The connection acme_prod has an API key with characters that no key has; paste it again."


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"host": None}, "The connection acme_prod has no host; set it to your own Acme address."),
        ({"host": " / "}, "The connection acme_prod has no host; set it to your own Acme address."),
        ({"host": "https://acme.example/api"}, UNUSABLE),
        ({"host": "acme.example/api"}, UNUSABLE),
        ({"host": "https://acme.example#x"}, UNUSABLE),
        ({"host": "https://acme.example:"}, UNUSABLE),
        ({"host": "ftp://acme.example", "extra": {"allow_http": True}}, UNUSABLE),
        ({"host": f"https://user:{KEY}@acme.example"}, UNUSABLE),
        ({"host": "acme.example", "schema": "http"}, PLAIN),
        ({"host": "http://localhost.example"}, PLAIN),
        ({"host": "http://acme.example", "extra": {"allow_http": "off"}}, PLAIN),
        ({"host": "http://localhost", "extra": {"proxies": {"http": "http://u:pass@proxy:3128"}}}, PROXIED),
        ({"host": "http://[::1]:80", "extra": {"proxies": {"all": "http://proxy:3128"}}}, PROXIED),
        ({"password": None}, NO_KEY),
        ({"password": " \n"}, NO_KEY),
        ({"password": f"{KEY} {KEY}"}, ODD_KEY),
        ({"password": f"{KEY}\t{KEY}"}, ODD_KEY),
        ({"password": f"{KEY}\u200b"}, ODD_KEY),
        *(
            (
                {"extra": {"timeout": value}},
                f"The connection acme_prod has the timeout {value!r}; write a number of seconds above 0.",
            )
            for value in (0, -1.5, "-0", "soon", "inf", [5], {})
        ),
        *(({"extra": {"proxies": value}}, PROXIES) for value in ("http://p", [], 0, True, {"https": None})),
        *(({"extra": {"verify": value}}, VERIFY) for value in (False, "False", "NO", "0", 0, 5, [])),
        (
            {"extra": {"verify": "/no/such/ca.pem"}},
            "The connection acme_prod has the CA bundle /no/such/ca.pem, which does not exist on this "
            "machine.",
        ),
    ],
)
def test_a_connection_that_cannot_be_used_says_what_to_change(changes, sentence):
    assert refusal(**changes) == sentence


@pytest.mark.parametrize(("value", "seconds"), [("0.5", 0.5), (7, 7.0), (" 30 ", 30.0), (None, 120.0)])
def test_a_timeout_is_a_number_of_seconds(value, seconds):
    assert read(extra={"timeout": value}).timeout == seconds


@pytest.mark.parametrize("value", [None, "", "{}", {}])
def test_no_proxies_are_none(value):
    assert read(extra={"proxies": value}).proxies == {}


@pytest.mark.parametrize(
    "extra", [{"proxies": {"https": "http://p"}}, {"proxies": {"http": "http://p"}, "allow_http": True}]
)
def test_plain_http_to_this_machine_is_allowed_if_no_proxy_reads_it_or_the_connection_says_so(extra):
    assert read(host="http://localhost", extra=extra).base_url == "http://localhost"


def test_only_the_vendors_own_extras_that_are_set_are_kept():
    extra = {"shop_id": 42, "region": "", "endpoint": "https://evil.example", "headers": {"X-Evil": "1"}}

    assert read(extra=extra).extras == {"shop_id": "42"}
    assert read(extra=extra, extras=()).extras == {}


def test_extras_that_are_not_an_object_say_nothing():
    assert read(extra="").extras == {}


def test_neither_key_nor_proxies_nor_extras_are_shown():
    settings = read(extra={"shop_id": "s-1", "proxies": {"https": "http://u:proxypass@p"}})

    assert repr(settings) == str(settings) == "Settings(base_url='https://acme.example')"


@pytest.mark.parametrize(
    "host",
    ["Acme.Example", "https://acme.example:443", "acme.example.", "HTTPS://ACME.example.:443"],
)
def test_every_spelling_of_a_host_is_the_same_account_and_folder(host):
    settings = read(host=host)

    assert settings.base_url == "https://acme.example"
    assert settings.host_and_port == "acme.example"
