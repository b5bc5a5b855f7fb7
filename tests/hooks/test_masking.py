"""What Airflow replaces in logs; its masker belongs to the process, so each test has a secret of its own."""

from __future__ import annotations

import pytest
from airflow.sdk.log import redact

from airflow_provider_convexport.hooks.ada import AdaHook
from airflow_provider_convexport.hooks.base import _budget_storage
from airflow_provider_convexport.hooks.vendors import hook_of, vendors


@pytest.mark.parametrize("vendor", vendors())
@pytest.mark.parametrize("around", ["{}", " {} ", "\t{}\r\n", "\xa0{}\u3000"])
def test_a_key_is_masked_without_the_blanks_that_were_pasted_with_it(connect, vendor, around):
    key = f"masked-key-{vendor}-{len(around)}-{ord(around[0])}"
    connect(vendor, "https://acme.example", password=around.format(key))
    hook = hook_of(vendor)()

    assert hook.settings.key == key

    for header in hook.auth_headers(hook.settings).values():
        assert key not in redact(f"sent {header}")
    assert redact(f"({key})") == "(***)"


def test_the_password_of_a_proxy_is_masked(connect):
    proxies = {"https": "http://user:proxy-pass%2Fword-1@proxy:3128"}
    connect("ada", "https://acme.example", extra={"proxies": proxies})

    assert AdaHook().settings.proxies == proxies

    assert redact("(proxy-pass%2Fword-1)") == "(***)"
    assert redact("(proxy-pass/word-1)") == "(***)"


@pytest.mark.parametrize("password", ["redis-pass-one", "redis-pass/two"])
def test_the_password_of_redis_is_masked_whether_its_url_can_be_read_or_not(monkeypatch, password):
    url = f"redis://user:{password}@redis:6379/0"
    monkeypatch.setenv("AIRFLOW__CONVEXPORT__BUDGET_STORAGE", f" {url} ")

    assert _budget_storage() == url

    assert redact(f"({password})") == "(***)"
