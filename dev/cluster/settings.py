"""The settings of a cluster: its folder, ports and secrets, which are created at the first start."""

from __future__ import annotations

import base64
import json
import secrets
import socket
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dev.cluster.processes import ClusterError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

REPOSITORY = Path(__file__).resolve().parents[2]
USER = "admin"

_PORTS = range(20_000, 32_000)
"""Below the range of outgoing connections, so that a restarted server finds its port free."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a cluster.

    :param root: Folder for everything that the cluster writes.
    :param backend: Name of the cluster's backend.
    :param ports: Ports of 127.0.0.1 by the name of the server that listens.
    :param password: Password of the database's role and of the user in Airflow's UI.
    :param key: 64 random bytes in base64 that sign Airflow's tokens.
    :param fernet_key: Encrypts connections in Airflow's database.
    :param s3_key: Access key of the object store's user.
    :param s3_secret: Secret key of the object store's user.
    """

    root: Path
    backend: str
    ports: dict[str, int]
    password: str
    key: str
    fernet_key: str
    s3_key: str
    s3_secret: str

    @classmethod
    def of(
        cls,
        root: Path,
        *,
        backend: str,
        servers: Iterable[str] = (),
        ports: Mapping[str, int] | None = None,
    ) -> Settings:
        """Return the settings of a folder's cluster; they are created if there are none.

        :param backend: Name of its backend.
        :param servers: Names of the servers that need a port.
        :param ports: Ports to use instead of free ones, by server.
        :raises ClusterError: if the folder holds a cluster with another backend.
        """
        settings = cls._read(root) or cls._make(root, backend, {**free_ports(servers), **(ports or {})})
        if settings.backend != backend:
            raise ClusterError(f"{root} holds a cluster with the backend {settings.backend}, not {backend}.")
        return settings

    @classmethod
    def _read(cls, root: Path) -> Settings | None:
        file = root / "settings.json"
        return cls(root=root, **json.loads(file.read_text())) if file.exists() else None

    @classmethod
    def _make(cls, root: Path, backend: str, ports: dict[str, int]) -> Settings:
        root.mkdir(parents=True, exist_ok=True)
        settings = cls(
            root=root,
            backend=backend,
            ports=ports,
            password=secrets.token_urlsafe(12),
            key=secrets.token_urlsafe(64),
            fernet_key=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            s3_key=secrets.token_hex(10).upper(),
            s3_secret=secrets.token_hex(20),
        )
        settings._write()
        return settings

    def _write(self) -> None:
        values = {name: value for name, value in asdict(self).items() if name != "root"}
        file = self.root / "settings.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps(values, indent=1))

    def with_ports(self, ports: Mapping[str, int]) -> Settings:
        """Return and keep the settings with other ports; nothing of the cluster may be running.

        :param ports: The ports that change, by server.
        """
        changed = replace(self, ports={**self.ports, **ports})
        changed._write()
        return changed

    def url(self, server: str, *, scheme: str = "http") -> str:
        """Return the URL of a server."""
        return f"{scheme}://127.0.0.1:{self.ports[server]}"


def free_ports(names: Iterable[str]) -> dict[str, int]:
    """Return an unused port for each name."""
    ports: dict[str, int] = {}
    for name in names:
        while True:
            port = secrets.choice(_PORTS)
            if port not in ports.values() and is_free(port):
                ports[name] = port
                break
    return ports


def is_free(port: int) -> bool:
    """Return whether a port is unused."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
