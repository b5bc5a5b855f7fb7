"""Opaque cursors: readable by nobody but the simulator that has the same seed."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from typing import Any, Final

_SIGNATURE_BYTES: Final = 9


def seal(payload: dict[str, Any], *, secret: str) -> str:
    """Return ``payload`` as a signed URL-safe token."""
    text = json.dumps(payload, separators=(",", ":"), sort_keys=True).encode()
    return base64.urlsafe_b64encode(_signature(text, secret=secret) + text).decode()


def unseal(token: str, *, secret: str) -> dict[str, Any] | None:
    """Return the payload of a token, or ``None`` if it is not one of ours or was altered."""
    try:
        content = base64.b64decode(token.encode(), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeError):
        return None
    signature, text = content[:_SIGNATURE_BYTES], content[_SIGNATURE_BYTES:]
    if not hmac.compare_digest(signature, _signature(text, secret=secret)):
        return None
    payload: dict[str, Any] = json.loads(text)
    return payload


def _signature(text: bytes, *, secret: str) -> bytes:
    return hmac.digest(secret.encode(), text, hashlib.sha256)[:_SIGNATURE_BYTES]
