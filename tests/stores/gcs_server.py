"""gcp-storage-emulator, which answers one connection after the other, without waiting for stopped clients.

A client that a test stops between connecting and sending would keep it from answering anybody else.
"""

from __future__ import annotations

from gcp_storage_emulator.__main__ import main
from gcp_storage_emulator.server import RequestHandler

PATIENCE = 2.0
"""Seconds to wait for the next bytes of a request."""

if __name__ == "__main__":
    RequestHandler.timeout = PATIENCE
    main()
