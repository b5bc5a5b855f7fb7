"""A vendor is its own files and one entry: the end-to-end suites, run over one that no other file knows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
FOLDER = "tests/end_to_end"
WITH_ACME = ("-p", "tests.support.acme.register", "-k", "acme")


def run_suites(suites):
    """Run the vendor's tests in a process of its own, because the entry holds for all of a process."""
    files = [f"{FOLDER}/{suite}.py" for suite in suites]
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-rp", "-p", "no:cacheprovider", *WITH_ACME, *files],
        cwd=REPOSITORY,
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST")},
        capture_output=True,
        text=True,
        check=False,
    )


def passed(output):
    """Return how many tests passed, by suite."""
    return Counter(re.findall(rf"^PASSED {FOLDER}/(\w+)\.py::\w+\[.*acme-", output, re.MULTILINE))


@pytest.mark.parametrize(
    "min_tests",
    [
        {"test_exactly_once": 41},
        {"test_faults": 14, "test_fidelity": 4, "test_publication": 8},
    ],
    ids="-".join,
)
def test_a_further_vendor_passes_the_suites_without_a_change_to_anything_else(min_tests):
    """The numbers are those of two streams, one of which has a second ``window_on``."""
    done = run_suites(min_tests)

    assert done.returncode == 0, done.stdout + done.stderr
    assert passed(done.stdout) >= Counter(min_tests), done.stdout
