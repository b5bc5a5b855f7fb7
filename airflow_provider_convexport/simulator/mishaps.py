"""How each kind of fault looks on the wire."""

from __future__ import annotations

import asyncio
import socket
import struct
from dataclasses import dataclass, replace
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_convexport.simulator.vendor import Answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Receive, Send

    from airflow_provider_convexport.simulator.settings import SimulatorSettings
    from airflow_provider_convexport.simulator.vendor import Call, Vendor

HTML: Final = b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body>Sorry.</body></html>"
CUTS: Final = frozenset(("reset", "reset-after-headers", "cut-body"))
"""Faults that end the connection instead of the answer."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Where a fault happens.

    :param settings: Settings at arrival.
    :param vendor: The vendor whose error shape is used.
    :param call: The request.
    :param honest: Makes the answer that the request would have got.
    """

    settings: SimulatorSettings
    vendor: Vendor
    call: Call
    honest: Callable[[], Answer]


def stage(kind: str, *, scene: Scene) -> Answer:
    """Return the answer that a fault makes of a request; for :data:`CUTS`, the answer to be cut."""
    name, _, code = kind.partition(":")
    if name == "status":
        return scene.vendor.failure(int(code), "Simulated fault.")
    if name == "cursor-expired":
        return scene.vendor.failure(400, "Cursor has expired.")
    if name == "redirect":
        target = f"{scene.settings.redirect_origin}{scene.call.path}"
        return Answer(302, b"", headers=(("Location", target),))
    if name in {"502-html", "html-200"}:
        return Answer(502 if name == "502-html" else 200, HTML, media="text/html")
    if name == "half-json":
        honest = scene.honest()
        return replace(honest, body=honest.body[: len(honest.body) // 2], records=0)
    return _busy(name, scene=scene) or scene.honest()


def retry_after(form: str, *, seconds: int, wall: float) -> tuple[tuple[str, str], ...]:
    """Return the ``Retry-After`` header as seconds, as a date, or not at all.

    :param wall: Now, epoch seconds.
    """
    if form == "none":
        return ()
    value = str(seconds) if form == "seconds" else formatdate(wall + seconds, usegmt=True)
    return (("Retry-After", value),)


def _busy(name: str, *, scene: Scene) -> Answer | None:
    forms = {
        "429": (429, "none"),
        "429-retry-after": (429, "seconds"),
        "503-retry-after-seconds": (503, "seconds"),
        "503-retry-after-date": (503, "date"),
    }
    if name not in forms:
        return None
    status, form = forms[name]
    wall, seconds = scene.call.now / 1e6, scene.settings.fault_retry_after
    headers = retry_after(form, seconds=seconds, wall=wall)
    return replace(scene.vendor.failure(status, "Simulated fault."), headers=headers)


async def cut(kind: str, *, answer: Answer, receive: Receive, send: Send) -> None:
    """Send as much of an answer as the fault lets through, then end the connection.

    Works by way of uvicorn's transport, which is the only road to a TCP reset; under another server
    the connection stays open and silent until the client gives up.
    """
    if kind != "reset":
        headers = [
            (b"content-type", answer.media.encode()),
            (b"content-length", str(len(answer.body) + 1000).encode()),
        ]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        sent = answer.body[: len(answer.body) // 2] if kind == "cut-body" else b""
        await send({"type": "http.response.body", "body": sent, "more_body": True})
    _end(getattr(getattr(receive, "__self__", None), "transport", None), hard=kind != "cut-body")
    while (await receive())["type"] != "http.disconnect":
        await asyncio.sleep(0)


def _end(transport: Any, *, hard: bool) -> None:
    if transport is None:
        return
    if not hard:
        transport.close()
        return
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
