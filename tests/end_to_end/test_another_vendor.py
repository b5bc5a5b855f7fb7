"""A vendor is its own files and one entry: the end-to-end suites, run over one that no other file knows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[2]
FOLDER = "tests/end_to_end"
WITH_ACME = ("-p", "tests.support.acme.register", "-k", "acme and not -False]")
"""Without the half of the cases that have relative links: acme's answers hold cursors, not links."""
MIN_TESTS = {"test_exactly_once": 25, "test_faults": 14, "test_fidelity": 4, "test_publication": 8}
"""For each suite, how many tests two streams have, one of them with a second ``window_on``."""


def run_suites():
    """Run the vendor's tests in a process of its own, because the entry holds for all of a process."""
    files = [f"{FOLDER}/{suite}.py" for suite in MIN_TESTS]
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


def test_a_further_vendor_passes_the_suites_without_a_change_to_anything_else():
    done = run_suites()

    assert done.returncode == 0, done.stdout + done.stderr
    assert passed(done.stdout) >= Counter(MIN_TESTS), done.stdout
