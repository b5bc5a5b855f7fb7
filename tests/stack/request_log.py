"""What the simulator saw: its limits, and how near they came to being reached."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import requests

if TYPE_CHECKING:
    from dev.cluster.cluster import Cluster


def requests_of(stack: Cluster) -> list[dict[str, Any]]:
    """Return every request since the simulator's start or the last `forget`."""
    return list(_ask(stack, "requests"))


def assert_never_exceeded(stack: Cluster) -> list[dict[str, Any]]:
    """Check that no limit was exceeded in any moving window, and return how far each was used."""
    uses = _ask(stack, "summary")["limits"]
    assert uses
    seen = requests_of(stack)
    limited = [position for position, request in enumerate(seen) if request["limited"]]
    assert not limited, _around(seen, limited[0])
    assert [use for use in uses if use["max_arrivals"] > use["allowed"]] == []
    return list(uses)


def _around(seen: list[dict[str, Any]], position: int) -> str:
    """Describe the requests before and after one that was above a limit, so that its cause can be found."""
    at = seen[position]["monotonic"]
    return "\n".join(
        f"{request['monotonic'] - at:+9.3f} s {request['vendor']} {request['endpoint']} {request['status']}"
        for request in seen[max(position - 25, 0) : position + 10]
    )


def forget(stack: Cluster) -> None:
    """Let the simulator forget what was requested."""
    requests.post(f"{stack.settings.url('simulator')}/_simulator/reset", timeout=30).raise_for_status()


def _ask(stack: Cluster, what: str) -> Any:
    answer = requests.get(f"{stack.settings.url('simulator')}/_simulator/{what}", timeout=60)
    answer.raise_for_status()
    return answer.json()
