"""A tiny HTTP server in a thread, that answers what a test tells it to and remembers what it was asked."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


@dataclass
class Answer:
    """What to answer; ``cut`` closes the connection in mid-body, ``reset`` before the answer.

    ``drip`` sends the head or the body byte by byte, ten a second; ``silent`` sends nothing and waits.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False
    reset: bool = False
    drip: str = ""
    silent: bool = False


@dataclass
class Asked:
    """One request: its target as sent, and its headers."""

    target: str
    headers: dict[str, str]

    @property
    def path(self) -> str:
        return self.target.split("?")[0]


def as_json(value: Any, **headers: str) -> Answer:
    return Answer(body=json.dumps(value).encode(), headers=headers)


class TinyServer:
    """Answers from ``script`` in order, then with ``fallback``."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.script: list[Answer] = []
        self.fallback: Callable[[Asked], Answer] = lambda asked: Answer(404)
        self.url = ""

    @property
    def targets(self) -> list[str]:
        return [asked.target for asked in self.asked]

    def answer(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        return self.script.pop(0) if self.script else self.fallback(asked)


def _respond(handler: BaseHTTPRequestHandler, answer: Answer) -> None:
    if answer.reset:
        linger = struct.pack("ii", 1, 0)
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        handler.close_connection = True
    elif answer.silent:
        handler.rfile.read(1)
        handler.close_connection = True
    elif answer.drip == "head":
        _drip(handler, b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 1000)
    else:
        handler.send_response(answer.status)
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(answer.body)))
        handler.end_headers()
        if answer.drip == "body":
            _drip(handler, answer.body)
        handler.wfile.write(answer.body[: len(answer.body) // 2] if answer.cut else answer.body)
        handler.close_connection = handler.close_connection or answer.cut


def _drip(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    for byte in content:
        handler.wfile.write(bytes((byte,)))
        time.sleep(0.1)


@contextmanager
def tiny_server() -> Iterator[TinyServer]:
    tiny = TinyServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            _respond(self, tiny.answer(Asked(self.path, dict(self.headers))))

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    tiny.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield tiny
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def server() -> Iterator[TinyServer]:
    with tiny_server() as tiny:
        yield tiny


@pytest.fixture
def other_server() -> Iterator[TinyServer]:
    """Some host that is not the vendor's."""
    with tiny_server() as tiny:
        yield tiny
