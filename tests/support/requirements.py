"""What a test needs of the machine."""

from __future__ import annotations

import os

import pytest


def require(found: object, advice: str) -> None:
    """Skip the test, or fail it in CI, unless something was found.

    :param advice: Sentences that say what is missing and what installs it.
    """
    if found:
        return
    if os.environ.get("CI"):
        pytest.fail(f"{advice} CI must not skip this.")
    pytest.skip(advice)
