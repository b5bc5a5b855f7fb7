"""How a hook's requests are sent: sessions with the key for its client, and none of `HttpHook`'s own ways."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import requests
from airflow.providers.http.hooks.http import HttpHook
from requests.auth import AuthBase

from airflow_provider_convexport import __version__
from airflow_provider_convexport.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_convexport.hooks.settings import Settings


def session_with(
    key_headers: Mapping[str, str], settings: Settings, *, kind: type[requests.Session] = requests.Session
) -> requests.Session:
    """Return a new session that adds the key to each request.

    Over plain http, a proxy would read the key, so only the proxies of the connection are used then, and not
    those of the environment (``HTTP_PROXY``, ``ALL_PROXY``).

    :param key_headers: The headers that carry the key.
    :param settings: The connection's settings.
    :param kind: The class of the session.
    """
    session = kind()
    session.auth = _KeyHeaders(key_headers)
    session.headers["Accept"] = "application/json"
    session.headers["Accept-Encoding"] = "gzip, deflate"  # whatever other decoders are installed
    session.headers["User-Agent"] = f"airflow-provider-convexport/{__version__}"
    session.proxies.update(settings.proxies)
    session.verify = settings.verify
    session.trust_env = settings.base_url.startswith("https:")
    return session


class _KeyHeaders(AuthBase):
    """Adds the headers with the key; an auth object also prevents requests from reading ``.netrc``."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = headers

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers.update(self._headers)
        return request


class ClientOnlyHook(HttpHook):
    """An `HttpHook` that sends requests through its client only.

    What `HttpHook` itself sends is not counted by the budget, may go to any host, follows redirects with the
    key, and logs the body of a response that reports an error. All of it raises ``ConfigurationError``.
    """

    def get_conn(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        """Refuse to hand out a session with the key."""
        self._refuse("get_conn")

    def run(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        """Refuse to send a request."""
        self._refuse("run")

    def run_and_check(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        """Refuse to send a request."""
        self._refuse("run_and_check")

    def run_with_advanced_retry(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        """Refuse to send a request."""
        self._refuse("run_with_advanced_retry")

    def check_response(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        """Refuse to log the body of a response."""
        self._refuse("check_response")

    def url_from_endpoint(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        """Refuse to read the connection without its checks."""
        self._refuse("url_from_endpoint")

    def _refuse(self, method: str) -> NoReturn:
        name = type(self).__name__
        raise ConfigurationError(
            f"{name}.{method}() is not available, because it would bypass the rate limits and the checks "
            f"that protect the key; use the methods of {name} that export records, or an HttpHook with a "
            "connection of type http for other requests."
        )
