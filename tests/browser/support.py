"""A person before Airflow's UI in a real Chromium, and the demo of the UI as a process."""

from __future__ import annotations

import contextlib
import html
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Locator, Page, expect, sync_playwright

from dev.cluster.settings import REPOSITORY
from tests.support.ports import free_port
from tests.support.requirements import require
from tests.support.waiting import wait_until

SHOTS = REPOSITORY / ".browser"
"""Where screenshots go."""
PICTURES = Path(os.environ.get("CONVEXPORT_PICTURES") or SHOTS / "pictures")
"""Where the pictures of the documentation go; `make docs-screenshots` says ``docs/images``."""
PATIENCE = 120_000
"""Milliseconds to wait for anything in the UI, on the slowest machine."""
START = 300
"""Seconds within which the demo starts, or stops."""
_SETTLE = 250
"""Milliseconds until what has been asked for is drawn; animations need none."""
_RENAME = """(names) => {
    const renamed = (text) => names.reduce((all, [from, to]) => all.replaceAll(from, to), text);
    const kept = (window.keptTexts = []);
    const rename = (node, property) => {
        const text = node[property];
        if (renamed(text) === text) return;
        kept.push(() => (node[property] = text));
        node[property] = renamed(text);
    };
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node; (node = walker.nextNode()); ) rename(node, "nodeValue");
    for (const input of document.querySelectorAll("input, textarea")) rename(input, "value");
}"""
_RESTORE = "() => window.keptTexts.forEach((restore) => restore())"
_TERMINAL = """<style>
    body { margin: 0 }
    pre { margin: 0; padding: 16px; display: inline-block; color: #e6e6e6; background: #1e2430 }
    pre { font: 11.5px/1.4 "DejaVu Sans Mono", monospace }
</style><pre>TEXT</pre>"""
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")


@contextlib.contextmanager
def chromium() -> Iterator[Page]:
    """An empty page in a Chromium without windows; skips without one, and fails in CI."""
    path = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    require(path, "Chromium is not installed; run make packages as root on Debian.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            page = browser.new_page(
                viewport={"width": 1280, "height": 1000}, timezone_id="UTC", locale="en-US"
            )
            page.set_default_timeout(PATIENCE)
            expect.set_options(timeout=PATIENCE)
            yield page
        finally:
            browser.close()


@dataclass
class Ui:
    """Airflow's UI in one page of a browser.

    :param page: The page.
    :param url: Address of the UI.
    :param story: Name of the folder of its screenshots.
    :param names: Texts that the documentation shows instead of others, such as folders of this machine.
    """

    page: Page
    url: str
    story: str
    names: Mapping[str, str] = field(default_factory=dict)
    _shots: int = field(default=0, repr=False)

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """If the block fails, keep a screenshot and the text of the page, and say where they are."""
        shutil.rmtree(SHOTS / self.story, ignore_errors=True)
        try:
            yield
        except BaseException as error:
            path = self.shot("failure")
            path.with_suffix(".txt").write_text(f"{self.page.url}\n\n{self.page.inner_text('body')}\n")
            error.add_note(f"The page, as picture and text: {path.with_suffix('.*')}")
            raise

    def shot(self, name: str) -> Path:
        """Keep a screenshot of what is seen."""
        self._shots += 1
        path = SHOTS / self.story / f"{self._shots:02}-{name}.png"
        self.page.wait_for_timeout(_SETTLE)
        self.page.screenshot(path=path, animations="disabled")
        return path

    def picture(self, name: str, *, of: Locator | None = None, height: int = 1000) -> None:
        """Keep a picture for the documentation, with `names`; the page stays as it is.

        :param name: Name of its file, without the suffix.
        :param of: What it shows; the whole width of the page if left out.
        :param height: Pixels of the page that it shows then.
        """
        path = PICTURES / f"{name}.png"
        self.page.wait_for_timeout(_SETTLE)
        for frame in self.page.frames:
            frame.evaluate(_RENAME, list(self.names.items()))
        if of is None:
            self.page.screenshot(
                path=path, animations="disabled", clip={"x": 0, "y": 0, "width": 1280, "height": height}
            )
        else:
            of.screenshot(path=path, animations="disabled")
        for frame in self.page.frames:
            frame.evaluate(_RESTORE)

    def picture_of_terminal(self, name: str, command: str, output: str) -> None:
        """Keep a picture of a command and what it printed for the documentation."""
        browser = self.page.context.browser
        assert browser is not None
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        page.set_content(_TERMINAL.replace("TEXT", html.escape(f"$ {command}\n{output}".rstrip())))
        Ui(page, self.url, self.story, self.names).picture(name, of=page.locator("pre"))
        page.close()

    def open(self, path: str) -> None:
        """Go to a page of the UI."""
        self.page.goto(f"{self.url}/{path}")

    def sign_in(self, user: str, password: str) -> None:
        """Sign in by the form."""
        self.open("")
        self.page.fill("input[name=username]", user)
        self.page.fill("input[name=password]", password)
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.get_by_text("Pool Slots")).to_be_visible()

    @property
    def dialog(self) -> Locator:
        """The open dialog."""
        return self.page.get_by_role("dialog")

    def add_connection(self, conn_id: str, kind: str, fields: dict[str, str], extra: dict[str, str]) -> None:
        """Add a connection by the form.

        :param kind: The connection type as the form names it.
        :param fields: Values by label.
        :param extra: Values of extra fields by name; the form does not tie their labels to them.
        """
        self.open("connections")
        self.page.get_by_role("button", name="Add Connection").first.click()
        self.dialog.locator("input[name=connection_id]").fill(conn_id)
        self.dialog.get_by_role("combobox").first.fill(kind)
        self.page.get_by_role("option", name=kind, exact=True).click()
        for label, value in fields.items():
            self.dialog.get_by_label(label, exact=True).fill(value)
        self.shot(f"{conn_id}-form")
        self.picture("connection-form", of=self.dialog)
        self.dialog.get_by_role("button", name="Extra Fields", exact=True).click()
        for name, value in extra.items():
            self.dialog.locator(f"input[name=element_{name}]").fill(value)
        self.shot(f"{conn_id}-form-extra")
        self.dialog.get_by_role("button", name="Save").click()
        expect(self.page.get_by_role("row").filter(has_text=conn_id)).to_be_visible()
        self.shot("connections")

    def test_connection(self, conn_id: str) -> None:
        """Press the button of a stored connection that tests it, and see that it works."""
        row = self.page.get_by_role("row").filter(has_text=conn_id)
        row.get_by_role("button", name="Test Connection").click()
        expect(self.page.get_by_text("answered and accepted the key.")).to_be_visible()
        self.shot(f"{conn_id}-tested")

    def trigger(self, dag_id: str, *, interval: tuple[str, str] | None = None) -> str:
        """Trigger a Dag by the form, and return the path of the run's page.

        :param interval: Start and end for the Dag's param; the form is left as it is without them.
        """
        self.open(f"dags/{dag_id}")
        self.page.get_by_role("button", name="Trigger").first.click()
        field_of_interval = self.dialog.locator("textarea[name=element_interval]")
        expect(field_of_interval).to_be_visible()
        if interval is not None:
            field_of_interval.fill("\n".join(interval))
            self.picture("trigger-form", of=self.dialog)
        self.shot(f"{dag_id}-trigger{'-interval' if interval else ''}")
        self.dialog.get_by_test_id("trigger-dag-submit").click()
        self.page.wait_for_url(re.compile(rf"/dags/{dag_id}/runs/manual"))
        return self.page.url.removeprefix(f"{self.url}/")

    def see_success(self, run: str, *, tasks: int) -> None:
        """Look at a run's page until all its tasks are seen as ended well in the grid.

        :param run: Path of the run's page.
        :param tasks: Number of its tasks.
        """
        self.open(run)
        run_id = run.rpartition("/runs/")[2]
        over = re.compile("Success|Failed")
        state = self.page.get_by_test_id("state-badge").first
        expect(state).to_contain_text(over)
        expect(state).to_contain_text("Success")
        expect(self.page.locator(f'[data-testid^="grid-{run_id}-"]')).to_have_count(tasks)
        self.shot(f"{run.split('/')[1]}-run")


@dataclass(frozen=True)
class Demo:
    """A running ``make demo-ui``.

    :param process: Its process.
    :param root: Its folder.
    :param output: The file with what it prints.
    """

    process: subprocess.Popen[bytes]
    root: Path
    output: Path

    @property
    def text(self) -> str:
        """What it has printed so far."""
        return self.output.read_text()

    def says(self, pattern: str) -> str:
        """Return the group of a pattern in what it has printed."""
        found = re.search(pattern, self.text)
        assert found, f"{pattern} is not in:\n{self.text}"
        return found[1]

    @property
    def url(self) -> str:
        """The address that it has printed."""
        return self.says(r"address +(\S+)")

    def wait_until_ready(self) -> None:
        """Wait until it says how to use it."""
        wait_until(
            lambda: "Ctrl-C stops everything" in self.text or self.process.poll() is not None,
            seconds=START,
            what=f"the demo; see {self.output}",
        )
        assert self.process.poll() is None, self.text

    def end(self) -> int:
        """Wait until it has ended, and return its exit code."""
        return self.process.wait(START)

    def leftovers(self) -> list[str]:
        """Return the command lines of all processes that were started for this folder and are alive."""
        return [
            (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            for process in Path("/proc").iterdir()
            if process.name.isdigit() and _is_of(process, self.root)
        ]


def _is_of(process: Path, root: Path) -> bool:
    """Tell whether a process has a demo's folder in its command line or environment."""
    with contextlib.suppress(OSError):
        texts = (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
        return str(root).encode() in texts
    return False


def plain_environment() -> dict[str, str]:
    """Return the environment of a person who has just opened a terminal: without what pytest and make set."""
    own = ("AIRFLOW", "PYTEST", "MAKE", "MFLAGS")
    return {name: value for name, value in os.environ.items() if not name.startswith(own)}


@contextlib.contextmanager
def demo_ui(root: Path, *, port: int | None = None) -> Iterator[Demo]:
    """Call ``make demo-ui``, as a shell does: with a process group of its own; Ctrl-C at the end."""
    output = root.with_name(f"{root.name}-{time.monotonic_ns()}.txt")
    command = ["make", "--no-print-directory", "demo-ui", f"VENV={sys.prefix}", f"DEMO_UI={root}"]
    with (
        output.open("wb") as out,
        subprocess.Popen(
            [*command, f"PORT={port or free_port()}"],
            cwd=REPOSITORY,
            env=plain_environment(),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            process_group=0,
        ) as process,
    ):
        try:
            yield Demo(process, root, output)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGINT)
            process.wait(START)
