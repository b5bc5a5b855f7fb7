"""What the simulator saw: its limits, and how near they came to being reached."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import requests

if TYPE_CHECKING:
    from dev.stack.cluster import Cluster


def visits(stack: Cluster) -> list[dict[str, Any]]:
    """Return every request since the simulator's start or the last `forget`."""
    return list(_ask(stack, "requests"))


def assert_never_exceeded(stack: Cluster) -> list[dict[str, Any]]:
    """Check that no limit was exceeded in any moving window, and return how far each was used."""
    uses = _ask(stack, "summary")["limits"]
    assert uses
    assert [visit for visit in visits(stack) if visit["limited"]] == []
    assert [use for use in uses if use["most_arrivals"] > use["allowed"]] == []
    return list(uses)


def forget(stack: Cluster) -> None:
    """Let the simulator forget what was requested."""
    requests.post(f"{stack.settings.url('simulator')}/_simulator/reset", timeout=30).raise_for_status()


def _ask(stack: Cluster, what: str) -> Any:
    answer = requests.get(f"{stack.settings.url('simulator')}/_simulator/{what}", timeout=60)
    answer.raise_for_status()
    return answer.json()
