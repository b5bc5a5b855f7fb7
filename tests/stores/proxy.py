"""A TCP proxy that stops in the middle of an upload, so that the uploader can be killed right there."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator


class Proxy:
    """Forwards connections to a server until one uploads what it is told to wait for.

    :param target: URL of the server.
    :param marker: Stops within a PUT or POST that names this.
    :param number: Which of these it is, from 1.
    :param after: Stops after so many bytes in total.
    """

    def __init__(
        self, target: str, *, marker: bytes = b"", number: int = 1, after: int | None = None
    ) -> None:
        parts = urlsplit(target)
        self._target = (parts.hostname, parts.port)
        self._marker = marker
        self._skip = number - 1
        self._after = after
        self._sent = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.stopped = threading.Event()
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target)
                for work, arguments in ((self._upload, (client, server)), (_copy, (server, client))):
                    threading.Thread(target=work, args=arguments, daemon=True).start()

    def _upload(self, client: socket.socket, server: socket.socket) -> None:
        is_wanted = False
        with contextlib.suppress(OSError), client, server:
            while data := client.recv(1 << 18):
                if self.stopped.is_set():
                    continue  # until the client is gone
                begun = data.startswith((b"PUT ", b"POST "))
                is_wanted = self._is_next(data) if begun else is_wanted or self._named(data)
                body = data.find(b"\r\n\r\n") + 4 if begun else 0
                if self._is_enough(len(data), is_wanted=is_wanted and len(data) > body):
                    server.sendall(data[: body + (len(data) - body) // 2])
                    self.stopped.set()
                    continue
                server.sendall(data)
            # A mere close would not reach the server while the other thread reads from it.
            server.shutdown(socket.SHUT_RDWR)

    def _named(self, data: bytes) -> bool:
        """Tell whether an upload is named in its body, as Google's are."""
        return b'{"name"' in data[:300] and self._is_next(data[:600])

    def _is_next(self, data: bytes) -> bool:
        """Tell whether it names what is waited for, after so many others that do."""
        if not self._marker or self._marker not in data:
            return False
        self._skip -= 1
        return self._skip < 0

    def _is_enough(self, count: int, *, is_wanted: bool) -> bool:
        self._sent += count
        return (bool(self._marker) and is_wanted) or (self._after is not None and self._sent > self._after)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 18):
            target.sendall(data)


@contextlib.contextmanager
def proxy(target: str, *, marker: bytes = b"", number: int = 1, after: int | None = None) -> Iterator[Proxy]:
    running = Proxy(target, marker=marker, number=number, after=after)
    try:
        yield running
    finally:
        running.close()
