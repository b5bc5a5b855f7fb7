from __future__ import annotations

import pytest

from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.get_provider_info import get_provider_info
from airflow_provider_convexport.hooks import vendors as registry
from airflow_provider_convexport.hooks.ada import AdaHook
from airflow_provider_convexport.hooks.agentx import AgentXHook
from airflow_provider_convexport.hooks.applied_labs import AppliedLabsHook
from airflow_provider_convexport.hooks.base import ExportHook
from airflow_provider_convexport.hooks.vendors import hook_of, stream_of, vendors

HOOKS = {"ada": AdaHook, "agentx": AgentXHook, "applied_labs": AppliedLabsHook}


def test_all_vendors_are_listed_by_name():
    assert vendors() == list(HOOKS)


@pytest.mark.parametrize(("vendor", "hook"), HOOKS.items())
def test_a_vendors_hook_is_found_by_its_name(vendor, hook):
    assert hook_of(vendor) is hook


@pytest.mark.parametrize("vendor", vendors())
def test_a_vendors_name_is_the_same_everywhere(vendor):
    hook = hook_of(vendor)

    assert issubclass(hook, ExportHook)
    assert hook.conn_type == vendor
    assert hook.default_conn_name == f"{vendor}_default"
    assert {stream.vendor for stream in hook.streams.values()} == {vendor}
    assert {stream.title for stream in hook.streams.values()} == {hook.title}


STREAMS = [(vendor, name) for vendor in vendors() for name in hook_of(vendor).streams]


@pytest.mark.parametrize(("vendor", "name"), STREAMS)
def test_a_stream_is_found_by_its_name(vendor, name):
    stream = stream_of(vendor, name)

    assert (stream.vendor, stream.name) == (vendor, name)
    assert stream is hook_of(vendor).streams[name]


@pytest.mark.parametrize("vendor", vendors())
def test_every_vendor_has_conversations(vendor):
    assert stream_of(vendor, "conversations").name == "conversations"


@pytest.mark.parametrize("vendor", ["", "Ada", "zendesk", None])
def test_another_vendor_is_refused(vendor):
    sentence = f"vendor={vendor!r} does not exist; use one of ['ada', 'agentx', 'applied_labs']."

    for find in (hook_of, lambda name: stream_of(name, "conversations")):
        with pytest.raises(ConfigurationError) as caught:
            find(vendor)
        assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("vendor", "name", "sentence"),
    [
        (
            "applied_labs",
            "messages",
            "stream='messages' does not exist for Applied Labs; use one of ['conversations'].",
        ),
        ("ada", "", "stream='' does not exist for Ada; use one of ['conversations', 'messages']."),
    ],
)
def test_another_stream_is_refused(vendor, name, sentence):
    with pytest.raises(ConfigurationError) as caught:
        stream_of(vendor, name)
    assert str(caught.value) == sentence


def test_a_vendor_that_the_provider_info_names_is_known_at_once(monkeypatch):
    info = get_provider_info()
    hook = "airflow_provider_convexport.hooks.ada.AdaHook"
    info["connection-types"] = [{"connection-type": "acme", "hook-class-name": hook}]
    monkeypatch.setattr(registry, "get_provider_info", lambda: info)

    assert vendors() == ["acme"]
    assert hook_of("acme") is AdaHook
    with pytest.raises(ConfigurationError, match=r"^vendor='ada' does not exist; use one of \['acme'\]\.$"):
        hook_of("ada")
