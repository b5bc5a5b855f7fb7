"""The coverage page as Airflow mounts it: imported with the first request, and closed if that fails.

Airflow loads plugins in its scheduler, Dag processor and workers, too, which never serve a page.
"""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    App = Callable[[Message, Receive, Send], Awaitable[None]]

log = logging.getLogger(__name__)


class CoveragePage:
    """An ASGI app that stands for the page."""

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request."""
        await _app()(scope, receive, send)


@functools.cache
def _app() -> App:
    """Return the app; one that denies everything if what checks permissions cannot be imported."""
    try:
        from airflow_provider_convexport.page.app import create_app  # noqa: PLC0415 - see above
    except ImportError:
        log.exception("The coverage page cannot be loaded, so it denies every request.")
        return deny
    return create_app()


async def deny(scope: Message, receive: Receive, send: Send) -> None:
    """Answer every request with 403."""
    del receive
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": b"Nobody may see this page."})
