"""A server at the level of sockets, for tests of what is written to a connection and when."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

EMPTY = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@dataclass(frozen=True)
class Written:
    """One request as it arrived; names of headers in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Wire:
    """Answers from ``script`` in order, then with an empty JSON object.

    :param url: Where it listens.
    :param requests: What has arrived so far.
    :param script: Whole answers as bytes; an empty one closes the connection instead.
    """

    url: str
    requests: list[Written] = field(default_factory=list)
    script: list[bytes] = field(default_factory=list)
    _open: list[socket.socket] = field(default_factory=list)
    _accepted: int = 0
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def wait_for_connections(self, count: int) -> int:
        """Wait until that many connections have been accepted, and return how many there have been."""
        with self._changed:
            self._changed.wait_for(lambda: self._accepted >= count, timeout=5)
            return self._accepted

    def hang_up(self) -> None:
        """Close every connection, as a server does with one that is idle for too long."""
        with self._changed:
            for connection in self._open:
                with contextlib.suppress(OSError):  # closed already
                    connection.shutdown(socket.SHUT_RDWR)
            self._open.clear()

    def serve(self, listener: socket.socket) -> None:
        """Accept connections until the listener is closed."""
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with self._changed:
                    self._open.append(connection)
                    self._accepted += 1
                    self._changed.notify_all()
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection, connection.makefile("rb") as file:
            while (request := _read(file)) is not None:
                self.requests.append(request)
                answer = self.script.pop(0) if self.script else EMPTY
                if not answer:
                    connection.shutdown(socket.SHUT_RDWR)
                    return
                connection.sendall(answer)


def _read(file: Any) -> Written | None:
    line = file.readline().decode()
    if not line:
        return None
    method, target, _ = line.split()
    headers = {}
    while line := file.readline().decode().strip():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return Written(method, target, headers, file.read(int(headers.get("content-length", 0))))


def answer(status: int, body: Any = None, **headers: str) -> bytes:
    """Return an answer with a JSON body, or with none."""
    content = b"" if body is None else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Status", f"Content-Length: {len(content)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + content


@contextmanager
def open_wire() -> Iterator[Wire]:
    """Listen on a free port of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        wire = Wire(f"http://127.0.0.1:{listener.getsockname()[1]}")
        thread = threading.Thread(target=wire.serve, args=(listener,), daemon=True)
        thread.start()
        try:
            yield wire
        finally:
            wire.hang_up()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(5)
