"""The simulator without limits, which keeps each response in memory, so that it holds up no client.

A request that was answered once is answered with the same bytes, in whatever order its parameters are; each
further one costs the server next to nothing but the network.
"""

from __future__ import annotations

import argparse
import socket
from typing import TYPE_CHECKING, Any

import uvicorn

from airflow_provider_convexport.simulator.app import create_app
from airflow_provider_convexport.simulator.settings import SimulatorSettings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

CREDENTIALS = (b"authorization", b"x-api-key")
SPELLED_AS_FLOATS = {
    b"18446744073709551617": b"1.844674407370955e19",
    b"-9223372036854775809": b"-9.22337203685477e18",
    b"340282366920938463463374607431768211456": b"3.4028236692093846346337460743176821e38",
}
"""Integers of the simulator that dlt refuses ("Integer exceeds 64-bit range"), and as long floats instead."""


class Remembering:
    """An ASGI application that asks another one only for what it does not know yet."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._known: dict[tuple[Any, ...], list[dict[str, Any]]] = {}

    async def __call__(
        self, scope: Any, receive: Any, send: Callable[[dict[str, Any]], Awaitable[None]]
    ) -> None:
        """Answer a request; only successful responses are kept."""
        credentials = tuple(value for name, value in scope["headers"] if name in CREDENTIALS)
        query = tuple(sorted(scope["query_string"].split(b"&")))
        key = (scope["method"], scope["path"], query, credentials)
        if key not in self._known:
            messages: list[dict[str, Any]] = []

            async def keep(message: dict[str, Any]) -> None:
                messages.append(message)

            await self._app(scope, receive, keep)
            if messages[0]["status"] != 200:
                for message in messages:
                    await send(message)
                return
            self._known[key] = [_without_large_integers(message) for message in messages]
        for message in self._known[key]:
            await send(message)


def _without_large_integers(message: dict[str, Any]) -> dict[str, Any]:
    body: bytes = message.get("body", b"")
    for integer, number in SPELLED_AS_FLOATS.items():
        body = body.replace(integer, number)
    return {**message, "body": body} if body else message


def main() -> None:
    """Serve on a free port until the process is ended; print the URL."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, required=True, help="number of conversations of each kind")
    parser.add_argument("--days", type=int, required=True, help="number of days over which they are spread")
    arguments = parser.parse_args()
    settings = SimulatorSettings(records=arguments.records, days=arguments.days, limits=False, hostile=True)
    # asyncio disables Nagle's algorithm only for sockets that were created with IPPROTO_TCP.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    config = uvicorn.Config(
        Remembering(create_app(settings)), lifespan="off", log_level="critical", access_log=False
    )
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
