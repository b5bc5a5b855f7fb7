"""`make demo-ui` ends whole, however it ends, and goes on with its data."""

from __future__ import annotations

import os
import signal
import socket

import pytest

from dev.cluster.api import Api
from tests.browser.support import START, demo_ui
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

POOL = {"slots": 3, "description": "Of a person", "include_deferred": False}


@pytest.fixture
def root(tmp_path):
    return tmp_path / "demo-ui"


def pid_of(root, service):
    """Return the process id of a part, once it has been started."""
    file = root / "run" / f"{service}.pid"
    wait_until(lambda: file.exists() and file.read_text(), seconds=START, what=service)
    return int(file.read_text().split()[0])


def test_a_taken_port_is_said_in_one_sentence(root):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with demo_ui(root, port=port) as demo:
            assert demo.end() != 0

    first, *others = demo.text.splitlines()
    assert first == (
        f"Port {port} of this machine cannot be used (Address already in use); choose another one: "
        "make demo-ui PORT=8080"
    )
    assert all(line.startswith("make: ***") for line in others)
    assert demo.leftovers() == []


def test_a_demo_that_is_killed_while_it_starts_leaves_no_process(root):
    with demo_ui(root) as demo:
        pid_of(root, "simulator")
        os.killpg(demo.process.pid, signal.SIGKILL)
        demo.end()

        wait_until(lambda: not demo.leftovers(), seconds=START, what="the end of all processes")


def test_all_ends_with_one_part_or_a_signal_and_the_next_start_goes_on_with_the_data(root):
    with demo_ui(root) as demo:
        demo.wait_until_ready()
        password = demo.says(r"password (\S+)")
        Api(demo.url, password).make_pool("mine", POOL)
        with demo_ui(root) as second:
            assert second.end() != 0
        os.kill(pid_of(root, "scheduler"), signal.SIGKILL)
        assert demo.end() != 0
    assert "is running in" in second.text
    assert "The scheduler has ended" in demo.text
    assert demo.leftovers() == []

    with demo_ui(root) as again:
        again.wait_until_ready()
        assert again.text.startswith("Going on with")
        assert again.says(r"password (\S+)") == password
        assert "mine" in Api(again.url, password).pools()
        again.process.send_signal(signal.SIGTERM)
        again.end()
    assert "Everything is stopped" in again.text
    assert again.leftovers() == []
