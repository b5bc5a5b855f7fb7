"""A TLS server that remembers when its requests arrived, and a proxy that tunnels to it."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def make_certificate(folder: Path) -> Path:
    """Write a certificate for 127.0.0.1 and its key into one file, and return its path."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "certificate.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path


@dataclass
class TlsServer:
    """What a TLS server has seen.

    :param url: Where it listens.
    :param idle: Seconds after which it closes an idle connection.
    :param arrivals: When each request arrived, on the monotonic clock.
    """

    url: str
    idle: float
    arrivals: list[float] = field(default_factory=list)
    handshakes: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _open: list[socket.socket] = field(default_factory=list)

    def hang_up(self) -> None:
        """Close every connection."""
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            self._open.clear()

    def answer(self, context: ssl.SSLContext, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True) as secure:
            with self._lock:
                self.handshakes += 1
                self._open.append(secure)
            secure.settimeout(self.idle)
            with secure.makefile("rb") as file:
                while file.readline():
                    moment = time.monotonic()
                    while file.readline().strip():
                        pass
                    with self._lock:
                        self.arrivals.append(moment)
                    secure.sendall(_ANSWER)


@contextmanager
def tls_server(certificate: Path, version: ssl.TLSVersion, *, idle: float = 60.0) -> Iterator[TlsServer]:
    """Serve empty JSON objects over one version of TLS; version 1.3 sends two session tickets."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = context.maximum_version = version
    context.load_cert_chain(certificate)
    with _listening(lambda connection: server.answer(context, connection)) as port:
        server = TlsServer(f"https://127.0.0.1:{port}", idle)
        try:
            yield server
        finally:
            server.hang_up()


@dataclass
class Tunnels:
    """A proxy's address, and how many tunnels it has opened."""

    url: str
    opened: int = 0

    def serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += client.recv(1) or b"\r\n\r\n"
            method, target, _ = head.split(maxsplit=2)
            if method != b"CONNECT":
                client.sendall(b"HTTP/1.1 405 Tunnels only\r\nContent-Length: 0\r\n\r\n")
                return
            host, _, port = target.decode().rpartition(":")
            with socket.create_connection((host, int(port))) as server:
                self.opened += 1
                client.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
                back = threading.Thread(target=_pump, args=(server, client), daemon=True)
                back.start()
                _pump(client, server)
                back.join()


@contextmanager
def tunnelling_proxy() -> Iterator[Tunnels]:
    """Serve CONNECT requests, and no others."""
    tunnels = Tunnels("")
    with _listening(tunnels.serve) as port:
        tunnels.url = f"http://127.0.0.1:{port}"
        yield tunnels


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@contextmanager
def _listening(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    threading.Thread(target=serve, args=(connection,), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(5)


def most_in_any(seconds: float, moments: list[float]) -> int:
    """Return how many of ``moments`` lie in the fullest moving period, which is half-open."""
    ordered = sorted(moments)
    first = most = 0
    for index, moment in enumerate(ordered):
        while ordered[first] <= moment - seconds:
            first += 1
        most = max(most, index - first + 1)
    return most
