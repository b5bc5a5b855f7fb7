from __future__ import annotations

from tests.hooks.conftest import _long_memory, _no_pacing, answer_empty, connect, refuse, server

__all__ = ["_long_memory", "_no_pacing", "answer_empty", "connect", "refuse", "server"]
