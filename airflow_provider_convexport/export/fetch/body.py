"""Reads the body of a response, up to a size that any page stays below."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_convexport.errors import IncompleteExportError

if TYPE_CHECKING:
    import urllib3

MAX_BODY = 2**28
"""Maximum number of bytes of a decompressed body; the vendors' largest pages have about a tenth of it."""

_STEP = 2**20
"""Number of decompressed bytes after which the size is checked."""


def read_body(raw: urllib3.BaseHTTPResponse, *, source: str, limit: int) -> bytes:
    """Return the decompressed body of a response.

    Three megabytes of gzip can decompress to three gigabytes, so a compressed body is decompressed in steps.
    A body that is not compressed is read at once, which takes half the memory.

    :param raw: The response.
    :param source: Vendor and path, for the message.
    :param limit: Maximum number of bytes.
    :raises IncompleteExportError: if the body is larger than ``limit``; the rest of it is not read.
    """
    is_compressed = bool(raw.headers.get("Content-Encoding"))
    if not is_compressed and 0 < (raw.length_remaining or 0) <= limit:
        return raw.read()  # without the copies that reading up to a number of bytes makes
    step = _STEP if is_compressed else limit + 1
    pieces, size = [], 0
    while piece := raw.read(step, decode_content=True):
        pieces.append(piece)
        size += len(piece)
        if size > limit:
            raise IncompleteExportError(
                f"{source} answered with more than {limit // 2**20} MiB, which no page has, so the rest was "
                "not read and nothing was published; if the records are that large, reduce page_size."
            )
    return b"".join(pieces)
