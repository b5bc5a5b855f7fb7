from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_convexport.hooks.ada import AdaHook
from airflow_provider_convexport.hooks.agentx import AgentXHook
from airflow_provider_convexport.hooks.applied_labs import AppliedLabsHook
from tests.support.tiny_server import Answer, TinyServer, as_json, tiny_server

SHOP = "11111111-1111-4111-8111-111111111111"
KEY = "top-secret-key-42"
EXTRAS: dict[str, dict[str, Any]] = {
    "applied_labs": {"shop_id": SHOP},
    "ada": {},
    "agentx": {"bot_name": "support bot"},
}


@pytest.fixture(autouse=True)
def _no_pacing(monkeypatch: pytest.MonkeyPatch) -> None:
    for hook in (AppliedLabsHook, AdaHook, AgentXHook):
        monkeypatch.setattr(hook, "limits", ())


@pytest.fixture(autouse=True)
def _long_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests have fixed dates, which no vendor would keep for ever."""
    streams = {name: replace(stream, history=None) for name, stream in AdaHook.streams.items()}
    monkeypatch.setattr(AdaHook, "streams", streams)


@pytest.fixture
def server() -> Iterator[TinyServer]:
    with tiny_server() as tiny:
        yield tiny


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Define the default connection of a vendor; ``extra`` replaces the usual one."""

    def define(vendor: str, host: str | None, **changes: Any) -> None:
        connection = {"conn_type": vendor, "host": host, "password": KEY, "extra": EXTRAS[vendor], **changes}
        monkeypatch.setenv(f"AIRFLOW_CONN_{vendor.upper()}_DEFAULT", json.dumps(connection))

    return define


@pytest.fixture
def answer_empty(server: TinyServer) -> TinyServer:
    """A vendor without records, whichever it is."""
    server.fallback = lambda asked: as_json(
        {"results": [], "next": None, "data": [], "meta": None, "cursor": None}
    )
    return server


@pytest.fixture
def refuse(server: TinyServer) -> TinyServer:
    server.fallback = lambda asked: Answer(401, b"what a customer said")
    return server
