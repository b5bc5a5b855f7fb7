"""Fault injection: what each kind of fault of the plan does to a response or to the connection."""

from __future__ import annotations

import asyncio
import socket
import struct
from dataclasses import replace
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_convexport.simulator.http_messages import ApiResponse

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Receive, Send

    from airflow_provider_convexport.simulator.http_messages import ApiRequest
    from airflow_provider_convexport.simulator.vendor_api import VendorApi

HTML: Final = b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body>Sorry.</body></html>"
CONNECTION_FAULTS: Final = frozenset(("reset", "reset-after-headers", "cut-body"))
"""Faults that close the connection before the response is complete."""

_OVERLOAD: Final = {
    "429": (429, "none"),
    "429-retry-after": (429, "seconds"),
    "503-retry-after-seconds": (503, "seconds"),
    "503-retry-after-date": (503, "date"),
}
"""Faults that tell the client to come back later: status and form of ``Retry-After``."""


def faulty_response(
    kind: str, *, vendor: VendorApi, request: ApiRequest, regular: Callable[[], ApiResponse]
) -> ApiResponse:
    """Return the response to a request that a fault hits.

    :param kind: The fault. For :data:`CONNECTION_FAULTS` and ``slow`` this is the regular response.
    :param vendor: The vendor, for the shape of errors.
    :param regular: Makes the response that the request gets without a fault.
    """
    name, _, code = kind.partition(":")
    if name == "status":
        return vendor.error(int(code), "Simulated fault.")
    if name == "cursor-expired":
        return vendor.error(400, "Cursor has expired.")
    if name == "redirect":
        target = f"{request.settings.redirect_origin}{request.path}"
        return ApiResponse(302, b"", headers=(("Location", target),))
    if name in {"502-html", "html-200"}:
        return ApiResponse(502 if name == "502-html" else 200, HTML, content_type="text/html")
    if name == "half-json":
        whole = regular()
        return replace(whole, body=whole.body[: len(whole.body) // 2], records=0)
    return _overloaded(name, vendor=vendor, request=request) if name in _OVERLOAD else regular()


def retry_after(form: str, *, seconds: int, wall: float) -> tuple[tuple[str, str], ...]:
    """Return the header ``Retry-After`` in one of its two forms, or no header.

    :param form: ``"seconds"``, ``"date"`` or ``"none"``.
    :param wall: The current time in seconds since the epoch.
    """
    if form == "none":
        return ()
    value = str(seconds) if form == "seconds" else formatdate(wall + seconds, usegmt=True)
    return (("Retry-After", value),)


async def cut_connection(kind: str, *, response: ApiResponse, receive: Receive, send: Send) -> None:
    """Send the part of a response that the fault allows, then close the connection.

    This uses the transport of uvicorn, because ASGI has no means to send a TCP reset. With another server
    the connection stays open without data until the client gives up.
    """
    if kind != "reset":
        headers = [
            (b"content-type", response.content_type.encode()),
            (b"content-length", str(len(response.body) + 1000).encode()),
        ]
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        sent = response.body[: len(response.body) // 2] if kind == "cut-body" else b""
        await send({"type": "http.response.body", "body": sent, "more_body": True})
    _close(getattr(getattr(receive, "__self__", None), "transport", None), reset=kind != "cut-body")
    while (await receive())["type"] != "http.disconnect":
        await asyncio.sleep(0)


def _overloaded(name: str, *, vendor: VendorApi, request: ApiRequest) -> ApiResponse:
    status, form = _OVERLOAD[name]
    headers = retry_after(form, seconds=request.settings.fault_retry_after, wall=request.wall)
    return replace(vendor.error(status, "Simulated fault."), headers=headers)


def _close(transport: Any, *, reset: bool) -> None:
    if transport is None:
        return
    if not reset:
        transport.close()
        return
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
