from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urljoin

import msgspec
import pytest
import requests

from airflow_provider_convexport.simulator.server import running
from airflow_provider_convexport.simulator.settings import SimulatorSettings

NOW = datetime(2026, 11, 20, 12, 34, 56, tzinfo=UTC)
SETTINGS = SimulatorSettings(records=4000, days=400, limits=False, hostile=True)
SHOPS = SETTINGS.applied_labs_shops


class Client:
    """Sends requests with the right key and shop unless told otherwise."""

    def __init__(self, url):
        self.url = url
        self.session = requests.Session()
        self.session.trust_env = False

    def get(self, path, *, headers=None, params=None, method="GET"):
        url = urljoin(self.url, path)
        return self.session.request(
            method, url, headers=headers, params=params, allow_redirects=False, timeout=10
        )

    def applied(self, path="export/", *, key="AL-simulated-key", shop=SHOPS[0], method="GET", **params):
        headers = {"Authorization": f"Bearer {key}", "X-Shop-Id": shop}
        headers = {name: value for name, value in headers.items() if value not in (None, "Bearer None")}
        path = path if "://" in path or path.startswith("/") else f"/v2026-04/conversations/{path}"
        return self.get(path, headers=headers, params=params, method=method)

    def ada(self, path="conversations", *, key="ada-simulated-key", method="GET", **params):
        path = path if "://" in path or path.startswith("/") else f"/api/v2/export/{path}"
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return self.get(path, headers=headers, params=params, method=method)

    def agentx(self, stream="conversations", *, key="agentx-simulated-key", method="GET", **params):
        path = f"/conversations/export/v1/{stream}"
        return self.get(path, headers={"x-api-key": key} if key else {}, params=params, method=method)

    def walk_applied(self, path="export/", *, shop=SHOPS[0], **params):
        """Return the pages of a walk as lists of exact record bytes."""
        pages, answer = [], self.applied(path, shop=shop, **params)
        while True:
            body = raw_body(answer)
            pages.append(raw_list(body["results"]))
            if (link := msgspec.json.decode(body["next"])) is None:
                return pages
            answer = self.applied(link, shop=shop)

    def walk_ada(self, path="conversations", *, page_size=100, **params):
        pages, answer = [], self.ada(path, page_size=page_size, **params)
        while True:
            body = raw_body(answer)
            pages.append(raw_list(body["data"]))
            link = msgspec.json.decode(body["meta"])["next_page_uri"]
            if link is None:
                return pages
            answer = self.ada(f"{link}&page_size={page_size}")

    def walk_agentx(self, stream="conversations", **params):
        pages, cursor = [], {}
        while True:
            body = raw_body(self.agentx(stream, **params, **cursor))
            pages.append(raw_list(body["data"]))
            token = msgspec.json.decode(body["cursor"])
            if token is None:
                return pages
            cursor = {"cursor": token}


def raw_body(answer):
    assert answer.status_code == 200, answer.text
    return msgspec.json.decode(answer.content, type=dict[str, msgspec.Raw])


def raw_list(raw):
    return [bytes(item) for item in msgspec.json.decode(raw, type=list[msgspec.Raw])]


@pytest.fixture(scope="session")
def _server():
    with running(SETTINGS, clock=NOW.timestamp) as simulator:
        yield simulator


@pytest.fixture
def simulator(_server):
    """A simulator with no limits, a clock that stands still, an empty request log and the settings above."""
    _server.update(**{name: getattr(SETTINGS, name) for name in SETTINGS.__slots__})
    _server.reset()
    return _server


@pytest.fixture
def client(simulator):
    client = Client(simulator.url)
    with client.session:
        yield client


@pytest.fixture
def make_client():
    return Client
