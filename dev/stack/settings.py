"""What belongs to one stack: its folder, its ports and its secrets, made at the first start and kept."""

from __future__ import annotations

import base64
import json
import secrets
import socket
from dataclasses import asdict, dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
WORKERS = ("worker-1", "worker-2")
BUCKET = "convexport"
USER = "admin"

_PORTS = range(20_000, 32_000)
"""Below those of outgoing connections, so that a server that is restarted finds its own still free."""


@dataclass(frozen=True, slots=True)
class Settings:
    """One stack's own values.

    :param root: Folder of everything that the stack writes.
    :param ports: A free port by name of what listens on it.
    :param password: Of the database's role and of the user in Airflow's UI.
    :param key: 64 random bytes in base64, from which Airflow's tokens are signed.
    :param fernet_key: Encrypts connections in Airflow's database.
    :param s3_key: Name of the object store's user.
    :param s3_secret: Its secret.
    """

    root: Path
    ports: dict[str, int]
    password: str
    key: str
    fernet_key: str
    s3_key: str
    s3_secret: str

    @classmethod
    def of(cls, root: Path) -> Settings:
        """Return the settings of the stack in a folder; they are made if there is none yet."""
        file = root / "settings.json"
        if file.exists():
            return cls(root=root, **json.loads(file.read_text()))
        root.mkdir(parents=True, exist_ok=True)
        settings = cls(
            root=root,
            ports=free_ports(
                (
                    "postgres",
                    "redis",
                    "object-store",
                    "monitor",
                    "simulator",
                    "api-server",
                    "triggerer",
                    *WORKERS,
                )
            ),
            password=secrets.token_urlsafe(12),
            key=secrets.token_urlsafe(64),
            fernet_key=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            s3_key=secrets.token_hex(10).upper(),
            s3_secret=secrets.token_hex(20),
        )
        values = {name: value for name, value in asdict(settings).items() if name != "root"}
        file.touch(mode=0o600)
        file.write_text(json.dumps(values, indent=1))
        return settings

    def url(self, server: str, *, scheme: str = "http") -> str:
        """Return the address of a server."""
        return f"{scheme}://127.0.0.1:{self.ports[server]}"

    @property
    def exports(self) -> str:
        """Where the exports of the example Dags go."""
        return f"s3://aws_default@{BUCKET}/raw"


def free_ports(names: tuple[str, ...]) -> dict[str, int]:
    """Return a port for each name that nothing listens on."""
    ports: dict[str, int] = {}
    for name in names:
        while True:
            port = secrets.choice(_PORTS)
            if port not in ports.values() and is_free(port):
                ports[name] = port
                break
    return ports


def is_free(port: int) -> bool:
    """Tell whether nothing uses a port."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
