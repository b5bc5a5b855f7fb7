"""The commands that the documentation shows are run; what starts them ends all of them."""

from __future__ import annotations

import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dev.docs_commands import ELSEWHERE, commands_of, split, unaccounted
from dev.docs_pages import pages
from dev.docs_processes import Processes, StoppedError
from dev.docs_runs import SCENARIOS
from tests.support.waiting import wait_until

REPOSITORY = Path(__file__).parents[1]
PAGES = [path.relative_to(REPOSITORY).as_posix() for path in pages()]
RUN = [step.command for scenario in SCENARIOS for step in scenario.steps]


@pytest.mark.parametrize("page", PAGES)
def test_each_command_of_a_page_is_run_by_the_script_or_something_stands_for_it(page):
    assert unaccounted(page, RUN) == []


def test_nothing_stands_for_a_command_that_no_page_has():
    commands = [command for page in PAGES for command in commands_of(page)]

    assert [each for each in ELSEWHERE if not any(re.match(each, one) for one in commands)] == []


def test_the_tests_that_stand_for_commands_exist():
    named = [each.split("::") for each in ELSEWHERE.values() if "::" in each]

    assert named
    for path, name in named:
        assert f"def {name}(" in (REPOSITORY / path).read_text()


def test_a_block_is_split_into_commands_without_comments():
    block = "# first\na 'b # c'  # d\ne \\\n    f\nexport X='{\n  1}'\n"

    assert split(block) == ["a 'b # c'", "e f", "export X='{ 1}'"]


def test_a_block_that_writes_a_file_is_one_command():
    assert split("cat >a <<'EOF'\nb\nEOF\nc a\n") == ["cat >a <<'EOF' b EOF c a"]


def test_a_command_that_nothing_stands_for_is_found():
    assert unaccounted("docs/how-to/daily.md", []) == commands_of("docs/how-to/daily.md")


def is_alive(file):
    """Tell whether the process whose id is in a file runs."""
    stat = Path(f"/proc/{file.read_text().strip()}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


class TestProcesses:
    @pytest.fixture
    def processes(self):
        processes = Processes()
        yield processes
        processes.stop()

    @pytest.fixture
    def bash(self, tmp_path):
        def run(processes, command, *, timeout=60):
            return processes.run(
                ["/bin/bash", "-c", command], environment=os.environ, folder=tmp_path, timeout=timeout
            )

        return run

    def test_status_output_and_errors_of_a_command_are_returned(self, processes, bash):
        assert bash(processes, "echo a; echo b >&2; exit 3") == (3, "a\n", "b\n")

    def test_what_a_command_leaves_in_the_background_ends_with_the_others(self, processes, bash, tmp_path):
        bash(processes, "sleep 600 & echo $! > pid")
        assert is_alive(tmp_path / "pid")

        processes.stop()

        wait_until(lambda: not is_alive(tmp_path / "pid"), seconds=10, what="the end of the process")

    def test_a_command_that_runs_and_its_children_end_when_another_thread_stops_all(
        self, processes, bash, tmp_path
    ):
        room = Processes(processes)
        with ThreadPoolExecutor(1) as lane:
            running = lane.submit(bash, room, "sleep 600 & echo $! > pid; wait")
            file = tmp_path / "pid"
            wait_until(lambda: file.exists() and file.read_text(), seconds=10, what="the command")

            processes.stop()

            with pytest.raises(StoppedError):
                running.result(10)
        wait_until(lambda: not is_alive(file), seconds=10, what="the end of the process")

    def test_nothing_starts_afterwards(self, processes, bash, tmp_path):
        room = Processes(processes)
        processes.stop()

        for stopped in (processes, room):
            with pytest.raises(StoppedError):
                bash(stopped, "touch started")
        with pytest.raises(StoppedError):
            Processes(processes)
        assert not (tmp_path / "started").exists()

    def test_a_command_that_takes_too_long_is_killed(self, processes, bash):
        began = time.monotonic()

        with pytest.raises(TimeoutError):
            bash(processes, "sleep 600", timeout=0.1)

        assert time.monotonic() - began < 60
