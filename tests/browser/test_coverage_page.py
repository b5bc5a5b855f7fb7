"""The coverage page in a real browser, over a real Airflow whose exports really ran."""

from __future__ import annotations

import json
import shlex
import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from airflow_provider_convexport.simulator.server import RunningSimulator, running
from airflow_provider_convexport.simulator.settings import SimulatorSettings
from dev.cluster.cluster import Cluster
from dev.cluster.settings import USER
from dev.cluster.sqlite_backend import SqliteBackend
from tests.browser.support import Ui, chromium
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import FrameLocator, Page

pytestmark = pytest.mark.slow

DAGS = Path(__file__).parent / "dags"
DAY = timedelta(days=1)
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
FIRST, HOLE, AUDITED, DELETED = (TODAY - age * DAY for age in (9, 6, 5, 4))


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("exports")


@pytest.fixture(scope="module")
def simulator() -> Iterator[RunningSimulator]:
    with running(SimulatorSettings(records=900)) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def airflow(
    request: pytest.FixtureRequest,
    simulator: RunningSimulator,
    exports: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Cluster]:
    """Airflow beside the simulator, with both Dags running."""
    cluster = Cluster.at(
        tmp_path_factory.mktemp("airflow"),
        SqliteBackend(),
        dags=(DAGS,),
        simulator=simulator.url,
        variables={
            "CONVEXPORT_TEST_EXPORTS": exports.as_uri(),
            "AIRFLOW__CONVEXPORT__PAGE_READS_DESTINATIONS": "True",
        },
    )
    try:
        cluster.up()
        for dag_id in ("covered_daily", "audited"):
            cluster.api.wait_for_dag(dag_id)
            cluster.api.unpause(dag_id)
        yield cluster
    finally:
        cluster.down(keep_logs=bool(request.session.testsfailed), kill=True)


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with chromium() as page:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        yield page


def days_of(first: datetime, last: datetime) -> set[str]:
    return {f"{first + n * DAY:%Y-%m-%d}" for n in range((last - first).days + 1)}


def published(exports: Path) -> set[str]:
    return {path.parent.name.removeprefix("dt=") for path in exports.glob("messages/dt=*/_manifest.json")}


def run_backfill(airflow: Cluster, command: str, exports: Path, days: set[str]) -> None:
    """Run a command as in a terminal, once a backfill before it is over, and wait for its days."""
    name, *arguments = shlex.split(command)
    assert name == "airflow"
    wait_until(
        lambda: not airflow.api.has_open_backfill("covered_daily"), seconds=200, what="the backfill before"
    )
    airflow.command_line(*arguments)
    wait_until(lambda: published(exports) >= days, seconds=200, what=f"{days}; {published(exports)}")


def state_of(frame: FrameLocator, day: datetime) -> str:
    cell = frame.locator(f'.calendar td[title^="{day:%Y-%m-%d}"]').first
    return str(cell.get_attribute("class")).removeprefix("s ")


def looked_at(ui: Ui, day: datetime, wanted: str) -> FrameLocator:
    """Open the page until a day has a state; events follow a moment after the files."""
    frame = ui.page.frame_locator("iframe")
    for _ in range(40):
        ui.open("plugin/convexport")
        frame.locator(".cards .card").first.wait_for()
        if state_of(frame, day) == wanted:
            break
        time.sleep(3)
    assert state_of(frame, day) == wanted
    return frame


def a_message_of(simulator: RunningSimulator, day: datetime) -> str:
    """Return the id of a message in the middle of a day's."""
    messages = simulator.truth("ada", "messages", day, day + DAY)
    return str(json.loads(messages[len(messages) // 2])["_id"])


def test_the_page_says_what_is_missing_and_its_commands_bring_it(
    airflow: Cluster, simulator: RunningSimulator, page: Page, exports: Path
) -> None:
    ui = Ui(page, airflow.api.url, "coverage", {exports.as_uri(): "s3://bucket/raw/ada"})
    with ui.watched():
        simulator.update(leave_out=(f"ada/messages/{a_message_of(simulator, AUDITED)}",))
        airflow.api.backfill("covered_daily", AUDITED, TODAY - 2 * DAY, runs=4)
        for first, end in ((FIRST, HOLE), (TODAY, TODAY + DAY)):
            interval = [first.isoformat(), end.isoformat()]
            airflow.api.trigger("covered_daily", logical_date=None, conf={"interval": interval})
        made = days_of(FIRST, TODAY) - days_of(HOLE, HOLE) - days_of(TODAY - DAY, TODAY - DAY)
        wait_until(lambda: published(exports) == made, seconds=200, what=f"{made}; {published(exports)}")
        simulator.update(leave_out=())
        audited = [AUDITED.isoformat(), (AUDITED + DAY).isoformat()]
        airflow.api.trigger("audited", logical_date=None, conf={"interval": audited})
        shutil.rmtree(exports / "messages" / f"dt={DELETED:%Y-%m-%d}")

        ui.sign_in(USER, airflow.settings.password)
        page.get_by_role("button", name="Browse").click()
        ui.shot("menu")
        page.get_by_text("Conversation exports").click()
        page.frame_locator("iframe").locator(".cards .card").first.wait_for()
        frame = looked_at(ui, AUDITED, "failed")
        ui.shot("overview")
        ui.picture("coverage-overview", height=690)
        states = {day: state_of(frame, day) for day in (FIRST, HOLE, DELETED, TODAY)}
        assert states == {FIRST: "published", HOLE: "missing", DELETED: "published", TODAY: "unsettled"}

        frame.get_by_role("link", name="Ada messages").click()
        frame.get_by_role("heading", name="Gaps").wait_for()
        ui.shot("dataset")
        hole = frame.locator("article.gap").filter(has_text=f"missing: {HOLE:%Y-%m-%d}")
        fill = copied(page, hole)
        assert fill == hole.locator("code").inner_text()
        assert fill.startswith("airflow backfill create --dag-id covered_daily ")

        frame.get_by_role("link", name="Look at the manifests").click()
        gone = frame.locator("article.gap").filter(has_text="no manifest at the destination")
        assert f"{DELETED:%Y-%m-%d}" in gone.inner_text()
        again = copied(page, gone)
        ui.shot("manifests")
        ui.picture("coverage-dataset", height=880)

        run = frame.locator("a[data-app]").first
        path = run.inner_text()
        run.click()
        page.wait_for_url(lambda url: "/dags/covered_daily/runs/" in url)
        assert path[:20].replace(":", "%3A") in page.url
        ui.shot("run")

        run_backfill(airflow, fill, exports, days_of(HOLE, HOLE))
        looked_at(ui, HOLE, "published")
        run_backfill(airflow, again, exports, days_of(DELETED, DELETED))
        ui.shot("filled")
        assert published(exports) == days_of(FIRST, TODAY) - days_of(TODAY - DAY, TODAY - DAY)


def copied(page: Page, gap: object) -> str:
    gap.get_by_role("button", name="Copy").click()  # type: ignore[attr-defined]
    gap.get_by_role("button", name="Copied").wait_for()  # type: ignore[attr-defined]
    return str(page.evaluate("navigator.clipboard.readText()"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_nothing_is_wider_than_the_page(airflow: Cluster, page: Page, scheme: str) -> None:
    ui = Ui(page, airflow.api.url, f"coverage-{scheme}")
    page.set_viewport_size({"width": 360, "height": 740})
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    for path in ("convexport/", "convexport/budget"):
        ui.open(path)
        page.get_by_role("heading", level=1).wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        ui.shot(path.strip("/").replace("/", "-"))
    ui.open("convexport/")
    page.locator(".card h2 a").first.click()
    page.get_by_role("heading", name="Gaps").wait_for()
    page.wait_for_load_state("load")  # the style sheet, too
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    ui.shot("dataset")


def test_everything_is_reached_by_the_keyboard(airflow: Cluster, page: Page) -> None:
    ui = Ui(page, airflow.api.url, "coverage-keyboard")
    ui.open("convexport/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    reached = []
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.outerHTML.slice(0, 60)"))

    assert any("dataset?id=" in each for each in reached), json.dumps(reached)
    assert any('type="search"' in each for each in reached)
    assert any('class="scroll"' in each for each in reached)
