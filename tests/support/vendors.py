"""The vendors as tests see them: all that the provider registers, taken from the package's own data."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_convexport.export.fetch.finding_storage import MemoryFindings
from airflow_provider_convexport.hooks.vendors import hook_of, vendors
from airflow_provider_convexport.simulator.settings import SimulatorSettings
from tests.support.tiny_server import Answer, TinyServer, as_json

DEFAULTS = SimulatorSettings()
SHOP = DEFAULTS.applied_labs_shops[0]


def scope_of(vendor: str, settings: SimulatorSettings = DEFAULTS) -> dict[str, str]:
    """Return the connection extra that selects the first shop or bot of the simulator; empty without any."""
    return settings.connection_extra_of(vendor)


def key_of(vendor: str, settings: SimulatorSettings = DEFAULTS) -> str:
    """Return the key that the simulator accepts."""
    return settings.key_of(vendor)


@pytest.fixture(autouse=True)
def nothing_found_out(monkeypatch: pytest.MonkeyPatch) -> MemoryFindings:
    """Nothing is known about the vendors' windows; what is found out is kept until the test ends."""
    findings = MemoryFindings()
    monkeypatch.setattr("airflow_provider_convexport.hooks.base._findings", lambda storage: findings)
    return findings


@pytest.fixture
def no_pacing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests are not spread over time."""
    for vendor in vendors():
        monkeypatch.setattr(hook_of(vendor), "limits", ())


@pytest.fixture
def long_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every vendor keeps its records for ever: tests have fixed dates, which none would keep so long."""
    for vendor in vendors():
        hook = hook_of(vendor)
        streams = {name: replace(stream, history=None) for name, stream in hook.streams.items()}
        monkeypatch.setattr(hook, "streams", streams)


@pytest.fixture
def answer_empty(server: TinyServer) -> TinyServer:
    """A vendor without records, whichever it is."""
    server.fallback = lambda asked: as_json(empty_answer())
    return server


def empty_answer() -> dict[str, Any]:
    """Return what every vendor would read as its last page, without records."""
    answer: dict[str, Any] = {}
    for stream in (stream for vendor in vendors() for stream in hook_of(vendor).streams.values()):
        answer |= {key: [] for key in stream.list_keys}
        for path, value in ((stream.pagination.link, None), (stream.pagination.end_flag, True)):
            _put(answer, path, value)
    return answer


def _put(answer: dict[str, Any], path: tuple[str, ...], value: object) -> None:
    """Set the value at the end of a path of keys; an empty path leads nowhere."""
    for key in path[:-1]:
        answer = answer.setdefault(key, {})
    if path:
        answer[path[-1]] = value


@pytest.fixture
def refuse(server: TinyServer) -> TinyServer:
    """A vendor that refuses every key."""
    server.fallback = lambda asked: Answer(401, b"what a customer said")
    return server
