"""The coverage page behind Airflow's sign-in, in a real browser, over days that a Dag has exported.

``make test-versions`` runs this with older Airflow versions, too. So there is an API server and no scheduler:
the Dag runs by ``airflow dags test``. The newest version is behind a path prefix.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
import requests
from airflow.version import version
from playwright.sync_api import expect

from airflow_provider_convexport.simulator.server import running
from airflow_provider_convexport.simulator.settings import SimulatorSettings
from dev.cluster import airflow as commands
from dev.cluster.cluster import Cluster
from dev.cluster.settings import USER
from dev.cluster.sqlite_backend import SqliteBackend
from tests.browser.support import Ui, chromium
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

pytestmark = pytest.mark.slow

DAGS = Path(__file__).parent / "dags"
PREFIX = "" if version.startswith(("3.1.", "3.2.")) else "/data/airflow"
DAY = timedelta(days=1)
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
FIRST, END = TODAY - 6 * DAY, TODAY - 3 * DAY
SEEN = {f"{FIRST + n * DAY:%Y-%m-%d}" for n in range(3)}
PATHS = ("", "dataset?root=x", "budget", "static/page.css", "static/page.js")


class Address(NamedTuple):
    """Where Airflow is, and the password of its user."""

    url: str
    password: str


@pytest.fixture(scope="module")
def address(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    """Airflow's API server, over the events of a Dag that has run."""
    with running(SimulatorSettings(records=900)) as simulator:
        root = tmp_path_factory.mktemp("airflow")
        exports = {"CONVEXPORT_TEST_EXPORTS": (root / "exports").as_uri()}
        cluster = Cluster.at(root, SqliteBackend(), dags=(DAGS,), simulator=simulator.url, variables=exports)
        url = cluster.settings.url("api-server") + PREFIX
        # The services share this dict.
        cluster.variables["AIRFLOW__API__BASE_URL"] = url
        server = cluster.components["api-server"]
        try:
            cluster.backend.prepare(cluster.settings)
            commands.prepare(cluster.settings, cluster.variables)
            server.start()
            conf = json.dumps({"interval": [FIRST.isoformat(), END.isoformat()]})
            cluster.command_line("dags", "test", "by_hand", "--conf", conf)
            wait_until(lambda: is_up(url), seconds=180, what=f"the API server; see {server.log}")
            yield Address(url, cluster.settings.password)
        finally:
            cluster.down(keep_logs=bool(request.session.testsfailed), kill=True)


def is_up(url: str) -> bool:
    try:
        return requests.get(f"{url}/api/v2/version", timeout=10).ok
    except requests.ConnectionError:
        return False


@pytest.fixture(scope="module")
def browser() -> Iterator[Page]:
    with chromium() as page:
        yield page


@pytest.fixture
def page(browser: Page) -> Page:
    """A page that nobody has signed in with."""
    browser.context.clear_cookies()
    return browser


def status_of(page: Page, url: str) -> int:
    answer = page.goto(url)
    assert answer is not None
    return answer.status


def test_whoever_has_not_signed_in_sees_nothing_of_the_page(address: Address, page: Page) -> None:
    ui = Ui(page, address.url, f"anonymous-{version}")
    with ui.watched():
        for path in PATHS:
            assert status_of(page, f"{address.url}/convexport/{path}") == 401, path
            assert not re.search("ada|calendar|convexport", page.content(), re.IGNORECASE)
        ui.shot("refused")

        ui.open("plugin/convexport")
        page.fill("input[name=username]", USER)
        assert "convexport" not in page.inner_text("body")
        page.fill("input[name=password]", "a guess")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_text("Invalid credentials")).to_be_visible()
        ui.shot("guessed")
        assert status_of(page, f"{address.url}/convexport/") == 401


def test_whoever_has_signed_in_sees_the_days_in_airflows_menu(address: Address, page: Page) -> None:
    ui = Ui(page, address.url, f"signed-in-{version}")
    with ui.watched():
        ui.sign_in(USER, address.password)
        answers = {path: status_of(page, f"{address.url}/convexport/{path}") for path in PATHS}
        assert answers == {path: 404 if "root=x" in path else 200 for path in PATHS}

        ui.open("")
        page.get_by_role("button", name="Browse").click()
        ui.shot("menu")
        page.get_by_text("Conversation exports").click()
        # Airflow 3.3 appends the path of what the frame shows as soon as that is loaded.
        expect(page).to_have_url(re.compile(rf"^{re.escape(address.url)}/plugin/convexport(/|$)"))
        frame = page.frame_locator("iframe")
        expect(frame.locator(".cards .card")).to_have_count(1)
        ui.shot("overview")
        published = frame.locator(".calendar td.published").all()
        assert {str(cell.get_attribute("title"))[:10] for cell in published} == SEEN

        frame.get_by_role("link", name="Budget").click()
        expect(frame.get_by_text("connection ada_default")).to_be_visible()
        ui.shot("budget")
        frame.get_by_role("link", name="Datasets").click()
        frame.get_by_role("link", name="Ada messages").click()
        expect(frame.get_by_role("heading", name="Records per day")).to_be_visible()
        ui.shot("dataset")
        frame.locator("a[data-app]").first.click()
        page.wait_for_url(f"{address.url}/dags/by_hand/runs/manual*")
        expect(page.get_by_text("Success", exact=True).first).to_be_visible()
        ui.shot("run")
