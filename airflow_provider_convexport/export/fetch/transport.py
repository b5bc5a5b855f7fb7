"""Takes a permit from the budget at the latest point: after connecting, just before a request is written.

If the permit were taken before the handshake, the vendor would receive the request some hundred milliseconds
later than the budget counted it, and a moving period of a second could contain one request too many.
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
    """A transport adapter for requests that waits for a permit before it writes a request.

    :param permit: Called with the path of each request; returns when the request may be written.
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
                # The server closed the connection during a long wait. The permit is used on a new connection,
                # except through a proxy's tunnel, which is lost when the connection is closed: the client
                # then retries.
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
