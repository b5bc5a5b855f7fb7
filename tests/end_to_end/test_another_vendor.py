"""A vendor is its own files and one entry: the end-to-end suites, run over one that no other file knows."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

REPOSITORY = Path(__file__).parents[2]
FOLDER = "tests/end_to_end"
MIN_TESTS = {"test_exactly_once": 41, "test_faults": 14, "test_fidelity": 4, "test_publication": 8}
"""For each suite, how many tests the vendor has there with its two streams and one further ``window_on``."""


def run_suites(report):
    """Run the suites' tests of the vendor in a process of its own, because the entry holds for all of it."""
    suites = [f"{FOLDER}/{suite}.py" for suite in MIN_TESTS]
    command = [sys.executable, "-m", "pytest", "-p", "tests.support.acme.register", "-k", "acme"]
    return subprocess.run(
        [*command, "-q", "-p", "no:cacheprovider", f"--junitxml={report}", *suites],
        cwd=REPOSITORY,
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST")},
        capture_output=True,
        text=True,
        check=False,
    )


def passed(report):
    """Return how many tests passed, by suite."""
    cases = [case for case in ElementTree.parse(report).iter("testcase") if not len(case)]
    return Counter(case.get("classname").rpartition(".")[2] for case in cases)


def test_a_further_vendor_passes_the_suites_without_a_change_to_anything_else(tmp_path):
    report = tmp_path / "report.xml"

    done = run_suites(report)

    assert done.returncode == 0, done.stdout + done.stderr
    assert passed(report) >= Counter(MIN_TESTS), done.stdout
