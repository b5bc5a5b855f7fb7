"""A newcomer, from `make demo` to loaded records; docs/how-to/first-hour.md tells the same story."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from playwright.sync_api import expect

from dev.cluster.settings import REPOSITORY
from dev.docs_pages import blocks_of, difference
from tests.browser.support import Ui, chromium, demo_ui, plain_environment
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

PAGE = REPOSITORY / "docs" / "how-to" / "first-hour.md"
KEY = "AL-simulated-key"
SHOP = "22222222-2222-4222-8222-222222222222"
SETTLED = timedelta(minutes=16)
"""After midnight, until Applied Labs has all of yesterday."""
STORY = timedelta(minutes=20)
"""How long the story may take, so that yesterday stays yesterday."""


class Terminal:
    """A terminal in the repository, after ``.`` of the demo's file."""

    def __init__(self, root: Path):
        self.root = root

    def run(self, command, *, code=0):
        """Run a command line, and return what it prints."""
        shell = ["bash", "-c", f". {self.root}/env.sh; {command}"]
        done = subprocess.run(
            shell, env=plain_environment(), cwd=REPOSITORY, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, f"{command} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        return done.stdout


def skip_around_midnight():
    """Yesterday must have settled, and must not become the day before during the story."""
    now = datetime.now(UTC)
    since = now - now.replace(hour=0, minute=0, second=0, microsecond=0)
    if not SETTLED < since < timedelta(days=1) - STORY:
        pytest.skip("Yesterday changes or has not settled yet; run this between 00:16 and 23:40 UTC.")


def own_dag():
    """Return the Dag that the page tells to write."""
    return next(
        block for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL) if "DAG(" in block
    )


def day(number):
    """Return midnight UTC of a day before today, as people write it."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return f"{today - timedelta(days=number):%Y-%m-%dT%H:%M:%SZ}"


def make_demo():
    command = ["make", "--no-print-directory", "demo", f"VENV={sys.prefix}"]
    return subprocess.run(
        command, env=plain_environment(), cwd=REPOSITORY, capture_output=True, text=True, check=False
    )


def start_in_the_guide():
    """Return what the page shows of the start."""
    return next(block.text for block in blocks_of(PAGE) if "Airflow is ready" in block.text)


def as_in_the_guide(running):
    """Return what a start has printed, with the folder and the password that the page shows."""
    password = re.search(r"password (\S+)", start_in_the_guide())[1]
    text = running.text.replace(str(running.root), ".demo-ui")
    return text.replace(running.says(r"password (\S+)"), password)


def export_by_hand(ui, root, simulator):
    """Add a connection and a Dag of one's own, and run an example and this Dag by the form."""
    example = ui.trigger("applied_labs_daily")
    fields = {"Address": simulator, "Port": simulator.rpartition(":")[2], "API key": KEY}
    ui.add_connection("my_shop", "Applied Labs", fields, {"shop_id": SHOP})
    ui.test_connection("my_shop")
    (root / "dags" / "my_shop.py").write_text(own_dag())
    ui.see_success(example, tasks=3)
    ui.open("dags?name_pattern=my_shop")
    expect(ui.page.get_by_role("link", name="my_shop", exact=True)).to_be_visible()
    ui.see_success(ui.trigger("my_shop"), tasks=1)
    by_interval = ui.trigger("my_shop", interval=(day(6), day(4)))
    ui.see_success(by_interval, tasks=1)
    ui.open(f"{by_interval}/tasks/export")
    expect(ui.page.get_by_text(re.compile(r"Exported [\d,]+ records")).first).to_be_visible()
    ui.shot("my_shop-log")
    ui.picture("task-log", height=490)


def fill_the_gap(ui, terminal, status):
    """Plan a backfill, run what the plan prints, and wait until nothing is missing."""
    plan = terminal.run(f"airflow convexport plan --dag-id my_shop --from {day(6)} --to {day(0)}")
    assert "Runs: 6; 3 to export, 3 published." in plan
    commands = re.findall(r"^airflow .*$", plan.partition("Run these commands")[2], re.MULTILINE)
    # The demo has made the pool, which may be a larger one by now; so no command sets it.
    assert [" ".join(command.split()[1:3]) for command in commands] == ["dags unpause", "backfill create"]
    for command in commands:
        terminal.run(command)
    last = terminal.root / "exports/my_shop/conversations" / f"shop_id={SHOP}" / f"dt={day(2)[:10]}"
    wait_until((last / "_manifest.json").exists, seconds=120, what="the backfill")
    report = terminal.run(status)
    assert "Not published: nothing." in report
    ui.open("dags/my_shop/backfills")
    expect(ui.page.get_by_text("1 Backfill", exact=True)).to_be_visible()
    ui.shot("my_shop-backfill")


def load(terminal, destination):
    """Return the number of records that DuckDB and pandas load of what is published."""
    query = (
        terminal.run(f"airflow convexport files --destination {destination} --format duckdb")
        .rstrip()
        .rstrip(";")
    )
    files = terminal.run(f"airflow convexport files --destination {destination}").split()
    frame = pd.concat(pd.read_json(file, lines=True) for file in files)
    ((count,),) = duckdb.sql(f"SELECT count(*) FROM ({query})").fetchall()  # noqa: S608
    return count, frame["id"].nunique()


def test_a_newcomer_gets_from_the_demo_to_loaded_records(tmp_path):
    skip_around_midnight()
    root = tmp_path / "demo-ui"
    with ThreadPoolExecutor(1) as lane, demo_ui(root) as running, chromium() as page:
        demo = lane.submit(make_demo)
        running.wait_until_ready()
        assert difference(start_in_the_guide(), as_in_the_guide(running)) is None
        simulator = running.says(r"simulator at (http\S+),")
        names = {str(root): "/…/.demo-ui", simulator: "http://127.0.0.1:8600"}
        ui = Ui(page, running.url, "newcomer", names)
        with ui.watched():
            ui.sign_in("admin", running.says(r"password (\S+)"))
            ui.shot("home")
            assert demo.result().returncode == 0, demo.result().stdout + demo.result().stderr
            assert "make demo-ui" in demo.result().stdout
            export_by_hand(ui, root, simulator)

            terminal = Terminal(root)
            destination = "$AIRFLOW_VAR_CONVEXPORT_ROOT/my_shop/conversations"
            status = f"airflow convexport status --destination {destination} --until yesterday --fail-on-gaps"
            assert "answered and accepted the key" in terminal.run(
                "airflow convexport check --conn-id my_shop"
            )
            report = terminal.run(status, code=4)
            assert "Not published: 20" in report
            ui.picture_of_terminal("status", status, report)
            fill_the_gap(ui, terminal, status)

            report = json.loads(terminal.run(f"{status} --output json"))
            (dataset,) = report["datasets"]
            assert load(terminal, destination) == (dataset["records"], dataset["records"])
    assert running.leftovers() == []
