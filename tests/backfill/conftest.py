from __future__ import annotations

from hooks.conftest import _no_pacing, answer_empty, connect, refuse, server

__all__ = ["_no_pacing", "answer_empty", "connect", "refuse", "server"]
