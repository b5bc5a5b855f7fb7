from __future__ import annotations

import pytest

from airflow_provider_convexport.cli.options import scope_of
from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.hooks.agentx import AgentXHook
from airflow_provider_convexport.hooks.by_connection import hook_at


def test_a_connection_has_the_hook_of_its_type(connect):
    connect("agentx", "https://acme.example")

    hook = hook_at("agentx_default")

    assert isinstance(hook, AgentXHook)
    assert hook.http_conn_id == "agentx_default"


def test_a_connection_that_does_not_exist_is_named(airflow_db):
    with pytest.raises(ConfigurationError, match="The connection nobody does not exist; create it"):
        hook_at("nobody")


def test_a_connection_to_something_else_is_refused(monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_MAIL", "smtp://mail.example")

    with pytest.raises(ConfigurationError, match="'smtp' does not exist"):
        hook_at("mail")


def test_without_options_any_scope_is_meant():
    assert scope_of(None, conn_id=None) is None
    assert scope_of([], conn_id=None) is None


def test_the_scope_is_the_connections_unless_one_is_named(connect):
    connect("agentx", "https://acme.example", extra={"bot_name": "helper"})

    assert scope_of(None, conn_id="agentx_default") == {"bot_name": "helper"}
    assert scope_of(["bot_name=other"], conn_id="agentx_default") == {"bot_name": "other"}


def test_a_value_may_contain_the_equals_sign():
    assert scope_of(["a=1=2", "b="], conn_id=None) == {"a": "1=2", "b": ""}


def test_the_pair_that_is_wrong_is_named():
    with pytest.raises(ConfigurationError, match=r"--scope support is not NAME=VALUE"):
        scope_of(["bot_name=one", "support"], conn_id=None)
