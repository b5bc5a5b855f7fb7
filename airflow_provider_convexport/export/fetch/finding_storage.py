"""Where findings about vendors' windows are kept: with the budgets of their accounts."""

from __future__ import annotations

import contextlib
import logging
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.export.fetch.budget_redis import (
    is_redis,
    redis_client,
    redis_errors_converted,
)
from airflow_provider_convexport.export.fetch.shared_folder import file_of, machine_folder, own_folder
from airflow_provider_convexport.export.fetch.window_probe import Finding

if TYPE_CHECKING:
    from pathlib import Path

    from redis import Redis

log = logging.getLogger(__name__)

_KEY_PREFIX = "convexport:window:"


class Findings(Protocol):
    """Keeps findings by name; a name contains no secret."""

    def get(self, name: str) -> Finding | None:
        """Return a finding; ``None`` if there is none."""
        ...

    def put(self, name: str, finding: Finding | None) -> None:
        """Keep a finding, or delete it if it is ``None``."""
        ...


def findings_in(storage: str) -> Findings:
    """Return the findings of a storage, as `counter_factory` names it.

    :raises ConfigurationError: if the package redis is missing.
    """
    if is_redis(storage):
        return RedisFindings(redis_client(storage))
    return MemoryFindings() if storage == "memory" else MachineFindings()


@dataclass(frozen=True, slots=True)
class MemoryFindings:
    """Findings of this process."""

    kept: dict[str, Finding] = field(default_factory=dict)

    def get(self, name: str) -> Finding | None:
        """Return a finding; ``None`` if there is none."""
        return self.kept.get(name)

    def put(self, name: str, finding: Finding | None) -> None:
        """Keep a finding, or delete it if it is ``None``."""
        if finding is None:
            self.kept.pop(name, None)
        else:
            self.kept[name] = finding


class MachineFindings:
    """Findings in files, shared by all processes of this user on this machine.

    A folder that cannot be used, or that others have access to, is reported by a warning: the finding is then
    established again each time.
    """

    def get(self, name: str) -> Finding | None:
        """Return a finding; ``None`` if there is none."""
        try:
            own_folder(machine_folder())
            return _decoded(_path_of(name).read_bytes())
        except (OSError, ConfigurationError):
            return None

    def put(self, name: str, finding: Finding | None) -> None:
        """Keep a finding, or delete it if it is ``None``."""
        path = _path_of(name)
        part = path.with_suffix(f".{secrets.token_hex(8)}")
        try:
            own_folder(path.parent)
            if finding is None:
                path.unlink(missing_ok=True)
                return
            part.write_bytes(msgspec.json.encode(finding))
            part.replace(path)
        except (OSError, ConfigurationError) as error:
            log.warning("What was found out about a vendor cannot be kept in %s (%s).", path.parent, error)
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)


class RedisFindings:
    """Findings in Redis, shared by all workers.

    :param client: The connection.
    """

    def __init__(self, client: Redis) -> None:
        self._client: Any = client

    def get(self, name: str) -> Finding | None:
        """Return a finding; ``None`` if there is none.

        :raises IncompleteExportError: if the server does not respond.
        """
        with redis_errors_converted():
            content = self._client.get(f"{_KEY_PREFIX}{name}")
        return None if content is None else _decoded(content)

    def put(self, name: str, finding: Finding | None) -> None:
        """Keep a finding, or delete it if it is ``None``.

        :raises IncompleteExportError: if the server does not respond.
        """
        with redis_errors_converted():
            if finding is None:
                self._client.delete(f"{_KEY_PREFIX}{name}")
            else:
                self._client.set(f"{_KEY_PREFIX}{name}", msgspec.json.encode(finding))


def _path_of(name: str) -> Path:
    return file_of(machine_folder(), name, "window.json")


def _decoded(content: bytes) -> Finding | None:
    try:
        return msgspec.json.decode(content, type=Finding)
    except msgspec.DecodeError:
        return None  # written by a version of this package with another format
