"""The settings of a connection, read through an allow-list and checked."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from requests.utils import select_proxy

from airflow_provider_convexport.errors import ConfigurationError

if TYPE_CHECKING:
    from airflow.sdk import Connection

READ_TIMEOUT = 120.0
"""Maximum number of seconds for each read, unless the connection's extra ``timeout`` sets another."""

_NO_HOST = re.compile(r"""[\s\x00-\x1f\x7f<>"'`\\^{|}*,;!$&()+=~]""")
"""Characters that no host's name has; ``%`` introduces the zone of an IPv6 address."""
_MAX_LABEL = 63
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Settings:
    """The checked settings of a connection.

    :param base_url: Scheme, host and port.
    :param key: The API key.
    :param extras: Values of the vendor's own extras, by name; only those that are set.
    :param timeout: Maximum number of seconds for each read.
    :param proxies: Proxy URLs by scheme.
    :param verify: Path of a CA bundle, or ``True`` for the default one.
    """

    base_url: str
    key: str
    extras: Mapping[str, str]
    timeout: float
    proxies: Mapping[str, str]
    verify: str | bool

    @property
    def host_and_port(self) -> str:
        """Host in lower case, without a final dot; with the port, unless it is the scheme's default one."""
        return urlsplit(self.base_url).netloc

    def __repr__(self) -> str:
        return f"Settings(base_url={self.base_url!r})"


def read_settings(
    connection: Connection, *, conn_id: str, title: str, address: str | None, extras: tuple[str, ...]
) -> Settings:
    """Return the checked settings of a connection.

    :param connection: The connection.
    :param conn_id: Its id, for messages.
    :param title: The vendor's name, for messages.
    :param address: Host to use if the connection has none; ``None`` if each customer has a different one.
    :param extras: Names of the vendor's own extras; all other extras are ignored.
    :raises ConfigurationError: if the connection cannot be used; the message says what to change.
    """
    extra = connection.extra_dejson
    name = f"The connection {conn_id}"
    proxies = _proxies(extra.get("proxies"), name=name)
    return Settings(
        base_url=_base_url(
            connection,
            name=name,
            title=title,
            address=address,
            proxies=proxies,
            allow_http=_flag(extra.get("allow_http")),
        ),
        key=_key(connection.password, name=name),
        extras={each: str(extra[each]).strip() for each in extras if extra.get(each)},
        timeout=_timeout(extra.get("timeout"), name=name),
        proxies=proxies,
        verify=_verify(extra.get("verify"), name=name),
    )


def _base_url(
    connection: Connection,
    *,
    name: str,
    title: str,
    address: str | None,
    proxies: Mapping[str, str],
    allow_http: bool,
) -> str:
    host = (connection.host or "").strip().rstrip("/") or address or ""
    if not host:
        raise ConfigurationError(f"{name} has no host; set it to your own {title} address.")
    if "://" not in host:
        scheme = connection.schema if connection.schema in ("http", "https") else "https"
        host = f"{scheme}://{host}"
    parts = _address(host)
    if parts is None:
        raise ConfigurationError(f"{name} has an unusable host; write it as https://name.example.com alone.")
    if parts.scheme == "http" and not allow_http:
        _check_plain_http(parts, proxies, name=name)
    return _normalized(parts, parts.port or connection.port)


def _check_plain_http(parts: SplitResult, proxies: Mapping[str, str], *, name: str) -> None:
    """Refuse plain http that leaves this machine."""
    if not _is_loopback(parts.hostname or ""):
        raise ConfigurationError(
            f"{name} uses plain http, which would show the key to the network; use https, "
            "or set the extra allow_http to true if the network to that host is private."
        )
    if select_proxy(parts.geturl(), proxies):
        raise ConfigurationError(
            f"{name} uses plain http to this machine through a proxy, which would show the key to the "
            "network; remove the proxy for http from the extra proxies, or set the extra allow_http to true "
            "if the network to the proxy is private."
        )


def _normalized(parts: SplitResult, port: int | None) -> str:
    """Return an address in the one spelling that budgets and folders are named after."""
    host = (parts.hostname or "").removesuffix(".")
    host = f"[{host}]" if ":" in host else host
    suffix = f":{port}" if port and port != _DEFAULT_PORTS[parts.scheme] else ""
    return f"{parts.scheme}://{host}{suffix}"


def _key(password: str | None, *, name: str) -> str:
    key = (password or "").strip()
    if not key:
        raise ConfigurationError(f"{name} has no API key; put it into the password.")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigurationError(f"{name} has an API key with characters that no key has; paste it again.")
    return key


def _timeout(value: Any, *, name: str) -> float:
    if value in (None, ""):
        return READ_TIMEOUT
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise ConfigurationError(f"{name} has the timeout {value!r}; write a number of seconds above 0.")
    return seconds


def _proxies(value: Any, *, name: str) -> dict[str, str]:
    if value in (None, ""):
        return {}
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            value = None
    if not isinstance(value, Mapping) or not all(isinstance(each, str) for each in value.values()):
        raise ConfigurationError(
            f'{name} has unusable proxies; write an object such as {{"https": "http://proxy:3128"}}.'
        )
    return {str(scheme): url for scheme, url in value.items()}


def _verify(value: Any, *, name: str) -> str | bool:
    if value in (None, "", True):
        return True
    if not isinstance(value, str) or value.lower() in ("false", "0", "no"):
        raise ConfigurationError(
            f"{name} switches TLS verification off, which would show the key to anyone on the network; "
            "set the extra verify to the path of a CA bundle instead."
        )
    if value.lower() == "true":
        return True
    if not Path(value).exists():
        raise ConfigurationError(f"{name} has the CA bundle {value}, which does not exist on this machine.")
    return value


def _address(text: str) -> SplitResult | None:
    """Return the parts of an address; ``None`` if it has more than a scheme, a host and a port."""
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 - raises if the port is invalid
    except ValueError:
        return None
    more = "@" in parts.netloc or parts.netloc.endswith(":") or parts.path or parts.query or parts.fragment
    return parts if parts.scheme in ("http", "https") and _is_host(parts.hostname) and not more else None


def _is_host(name: str | None) -> bool:
    """Return whether a name can be that of a host; an address of IPv6 has been checked before."""
    if not name or _NO_HOST.search(name):
        return False
    return ":" in name or all(0 < len(label) <= _MAX_LABEL for label in name.removesuffix(".").split("."))


def _flag(value: Any) -> bool:
    return value is True or str(value).lower() in ("true", "1", "yes")


def _is_loopback(hostname: str) -> bool:
    if hostname == "localhost":
        return True
    try:
        return ipaddress.ip_address(hostname).is_loopback
    except ValueError:
        return False
