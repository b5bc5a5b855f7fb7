from __future__ import annotations

from tests.hooks.conftest import answer_empty, connect, refuse, server

__all__ = ["answer_empty", "connect", "refuse", "server"]
