"""Takes the budget's permission at the last moment: on an open connection, right before a request is written.

A permission taken earlier would be spent on the handshake, and the vendor would see the request up to some
hundred milliseconds later than the budget thinks: one too many in a moving window of a second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.connection import is_connection_dropped

if TYPE_CHECKING:
    from collections.abc import Callable

    from urllib3 import PoolManager, ProxyManager


class PacedAdapter(HTTPAdapter):
    """A transport for requests that asks before it writes.

    :param permit: Called with the path of each request; returns when it may be written.
    """

    def __init__(self, permit: Callable[[str], None]) -> None:
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


def _paced_pools(permit: Callable[[str], None]) -> dict[str, type[HTTPConnectionPool]]:
    class Paced(HTTPConnection):
        def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> None:
            if self.is_closed:
                self.connect()
            permit(urlsplit(url).path)
            if is_connection_dropped(self):
                # The server hung up during a long wait. Closing forgets a tunnel through a proxy, so then the
                # client has to try again; otherwise the permission is used on a new connection.
                if self._tunnel_host is not None:
                    raise ConnectionResetError("The connection was closed while waiting for the budget.")
                self.close()
                self.connect()
            super().request(method, url, *args, **kwargs)

    class PacedTls(Paced, HTTPSConnection):
        pass

    class PacedPool(HTTPConnectionPool):
        ConnectionCls = Paced

    class PacedTlsPool(HTTPSConnectionPool):
        ConnectionCls = PacedTls

    return {"http": PacedPool, "https": PacedTlsPool}
