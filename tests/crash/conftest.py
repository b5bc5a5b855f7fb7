"""The same simulator and connections as the end-to-end tests."""

from __future__ import annotations

from tests.end_to_end.conftest import shared_simulator, simulator  # noqa: F401
