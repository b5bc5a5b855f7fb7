"""Cursors of paginated lists: opaque signed tokens that only a simulator with the same seed accepts."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_convexport.simulator.record_store import START, Position
from airflow_provider_convexport.simulator.times import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from airflow_provider_convexport.simulator.http_messages import ApiRequest

_SIGNATURE_BYTES: Final = 9


@dataclass(frozen=True, slots=True)
class Cursor:
    """The content of a cursor.

    :param scope: Shop or bot for which it was issued; empty if the vendor has none.
    :param endpoint: Endpoint for which it was issued.
    :param params: Parameters of the first request.
    :param as_of: Arrival of the first request, in microseconds; no page contains later records.
    :param position: Where the page begins.
    :param before: Where the previous page began, or ``None`` if there is none.
    :param number: Number of the page, counted from 1.
    :param issued: When the cursor was issued, in microseconds; 0 unless cursors expire by age.
    """

    scope: str
    endpoint: str
    params: dict[str, str]
    as_of: int
    position: Position = START
    before: Position | None = None
    number: int = 1
    issued: int = 0

    def token(self, seed: int) -> str:
        """Return the cursor as text."""
        return sign({name: getattr(self, name) for name in self.__slots__}, secret=_secret(seed))


def requested_cursor(
    request: ApiRequest,
    token: str | None,
    *,
    scope: str,
    params: dict[str, str],
    params_required: bool,
    refuse: Callable[[], NoReturn],
) -> Cursor:
    """Return the cursor of the page that is requested, which is a new one for the first page.

    :param token: The cursor that the client sent, if any.
    :param scope: Shop or bot of the request; empty if the vendor has none.
    :param params: The other parameters of the request. Those that are given must be the same as in the
        request for the first page.
    :param params_required: Whether all parameters must be given again together with a cursor.
    :param refuse: Called if the cursor is forged, used up, expired or was issued for another request.
    """
    if token is None:
        return Cursor(scope, request.endpoint, params, request.now)
    cursor = _verified_cursor(request, token)
    if cursor is None or cursor.scope != scope:
        refuse()
    if not params.items() <= cursor.params.items() or (params_required and params != cursor.params):
        refuse()
    return cursor


def sign(payload: dict[str, Any], *, secret: str) -> str:
    """Return ``payload`` as a signed URL-safe token."""
    text = json.dumps(payload, separators=(",", ":"), sort_keys=True).encode()
    return base64.urlsafe_b64encode(_signature(text, secret=secret) + text).decode()


def verify(token: str, *, secret: str) -> dict[str, Any] | None:
    """Return the payload of a token, or ``None`` if its signature is wrong."""
    try:
        content = base64.b64decode(token.encode(), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeError):
        return None
    signature, text = content[:_SIGNATURE_BYTES], content[_SIGNATURE_BYTES:]
    if not hmac.compare_digest(signature, _signature(text, secret=secret)):
        return None
    payload: dict[str, Any] = json.loads(text)
    return payload


def _verified_cursor(request: ApiRequest, token: str) -> Cursor | None:
    """Return the content of a cursor and count its use, or ``None`` if it is forged, used up or expired."""
    settings = request.settings
    payload = verify(token, secret=_secret(settings.seed))
    if payload is None or payload["endpoint"] != request.endpoint:
        return None
    cursor = _cursor(payload)
    uses, age = request.pagination.count_use(token), (request.now - cursor.issued) / SECOND
    used_up = settings.cursor_uses is not None and uses > settings.cursor_uses
    expired = settings.cursor_seconds is not None and age > settings.cursor_seconds
    return None if used_up or expired else cursor


def _cursor(payload: dict[str, Any]) -> Cursor:
    before = payload["before"]
    positions = {
        "position": Position(*payload["position"]),
        "before": Position(*before) if before is not None else None,
    }
    return Cursor(**(payload | positions))


def _secret(seed: int) -> str:
    return f"cursor|{seed}"


def _signature(text: bytes, *, secret: str) -> bytes:
    return hmac.digest(secret.encode(), text, hashlib.sha256)[:_SIGNATURE_BYTES]
