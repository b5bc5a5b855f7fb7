"""Takes a permit from the budget at the latest point: on a live connection, just before a request is written.

If the permit were taken before the handshake, the vendor would receive the request some hundred milliseconds
later than the budget counted it, and a moving period of a second could contain one request too many. The
connection is therefore checked, and replaced if necessary, before each attempt to take a permit.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util import wait_for_read

if TYPE_CHECKING:
    from collections.abc import Callable

    from urllib3 import PoolManager, ProxyManager


_MAX_PERMITS = 3
"""Maximum number of permits for one request, if the server closes each connection as soon as it is open."""


class Grant(Protocol):
    """Permission to write one request, at once."""

    def is_fresh(self) -> bool:
        """Return whether the request can still be written."""
        ...

    def written(self) -> None:
        """To be called right after the request was written."""
        ...


class Permit(Protocol):
    """Waits for permission to send a request."""

    def __call__(self, path: str, ready: Callable[[], None], /) -> Grant:
        """Return when the request may be written, which must then be done at once.

        :param path: Path of the request.
        :param ready: To be called right before each attempt to take the permit; makes sure that the
            connection is alive, so that no time passes between the permit and the request.
        """
        ...


class PacedAdapter(HTTPAdapter):
    """A transport adapter for requests that waits for a permit before it writes a request.

    :param permit: Called for each request.
    """

    def __init__(self, permit: Permit) -> None:
        self._pools = _paced_pools(permit)
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Create the pools for direct connections."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> ProxyManager:
        """Return the pools for connections through a proxy."""
        manager: PoolManager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = self._pools
        return manager  # type: ignore[return-value]


def _paced_pools(permit: Permit) -> dict[str, type[HTTPConnectionPool]]:
    class Paced(HTTPConnection):
        @property
        def is_connected(self) -> bool:
            """Whether the connection can carry another request; urllib3's pool asks this, too."""
            return self.sock is not None and _is_alive(self.sock)

        def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> None:
            path = urlsplit(url).path
            grant = _usable(lambda: permit(path, self._make_ready), lambda: self.is_connected)
            try:
                super().request(method, url, *args, **kwargs)
            finally:
                grant.written()

        def _make_ready(self) -> None:
            if self.is_connected:
                return
            host, port, scheme = self._tunnel_host, self._tunnel_port, self._tunnel_scheme
            headers = getattr(self, "_tunnel_headers", None)
            self.close()  # also forgets the tunnel
            if host is not None:
                self.set_tunnel(host, port, headers, scheme or "http")
            self.connect()

    class PacedTls(Paced, HTTPSConnection):
        pass

    class PacedPool(HTTPConnectionPool):
        ConnectionCls = Paced

    class PacedTlsPool(HTTPSConnectionPool):
        ConnectionCls = PacedTls

    return {"http": PacedPool, "https": PacedTlsPool}


def _usable(permit: Callable[[], Grant], is_connected: Callable[[], bool]) -> Grant:
    """Take permits until one is fresh while the connection is open; the others are lost, not used late."""
    unused = 0
    while unused < _MAX_PERMITS:
        grant = permit()
        if not is_connected():
            unused += 1  # closed within the milliseconds since the permit was taken
        elif grant.is_fresh():  # otherwise the process was stopped or had to wait for the processor
            return grant
    raise ConnectionError("The server closes each connection before a request can be sent.")


def _is_alive(sock: Any) -> bool:
    """Return whether an idle connection is open: nothing has arrived on it but messages of TLS itself.

    After a handshake, TLS 1.3 sends session tickets, which make a socket readable. Trying to read processes
    them; only data that no request asked for, or the end of the connection, means that it cannot be used.
    """
    if not wait_for_read(sock, timeout=0.0):
        return True
    timeout = sock.gettimeout()
    sock.settimeout(0.0)
    try:
        sock.recv(1)
    except (ssl.SSLWantReadError, BlockingIOError):
        return True
    except OSError:
        return False
    finally:
        sock.settimeout(timeout)
    return False
