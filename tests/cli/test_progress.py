from __future__ import annotations

import io
import threading

from airflow_provider_convexport.cli.progress import NO_PROGRESS, progress_bar
from tests.support.waiting import wait_for_threads


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_what_takes_long_shows_a_bar_on_a_terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal()

    with progress_bar(stream=terminal, delay=0.0) as progress:
        progress.begin("Listing")
        progress.begin("Reading manifests", total=3)
        progress.advance()
        wait_for_threads(lambda: "1/3" in terminal.getvalue())
        assert "Reading manifests" in terminal.getvalue()
        assert "Listing" not in terminal.getvalue().split("Reading manifests")[-1]


def test_what_is_done_soon_shows_nothing():
    terminal = Terminal()

    with progress_bar(stream=terminal, delay=60.0) as progress:
        progress.begin("Reading manifests", total=3)
        progress.advance()

    assert terminal.getvalue() == ""
    assert not [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]


def test_a_program_gets_no_bar():
    output = io.StringIO()

    with progress_bar(stream=output, delay=0.0) as progress:
        progress.begin("Reading manifests", total=3)
        progress.advance()

    assert progress is NO_PROGRESS
    assert output.getvalue() == ""
