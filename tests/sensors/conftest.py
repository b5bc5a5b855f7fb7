from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _easy_vendors(no_pacing, long_memory):
    """Vendors without limits that keep their records for ever."""
