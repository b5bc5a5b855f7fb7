"""Says in one sentence why a vendor could not be reached: name, port, certificate or protocol."""

from __future__ import annotations

import http.client
import socket
import ssl
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
import urllib3

from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.export.fetch.retry import RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Iterator

TEST_RETRY = RetryPolicy(max_tries=1, max_sleep=10.0)
"""A test of a connection is one try, which waits at most ten seconds for the account's budget."""

_CONNECT_TIMEOUT = 5.0
_READ_TIMEOUT = 20.0


def timeouts_of_test(read_timeout: float) -> tuple[float, float]:
    """Return how many seconds a test waits for the connection, and for each read.

    :param read_timeout: The connection's own, in seconds.
    """
    return _CONNECT_TIMEOUT, min(read_timeout, _READ_TIMEOUT)


class PlainSession(requests.Session):
    """A session that says what the network refused in a sentence, for a test of a connection."""

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
        """Send a request.

        :raises ConfigurationError: if no answer came; the one sentence says why.
        """
        try:
            return super().request(method, url, *args, **kwargs)
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            parts = urlsplit(url if isinstance(url, str) else url.decode())
            sentence = sentence_of(error, base_url=f"{parts.scheme}://{parts.netloc}")
            raise ConfigurationError(sentence) from None


def sentence_of(error: Exception, *, base_url: str) -> str:
    """Return what went wrong on the network and what to check, without anything secret.

    :param error: What ``requests`` or ``urllib3`` raised.
    :param base_url: Scheme, host and port of the connection.
    """
    causes = list(_causes(error))
    host = urlsplit(base_url).hostname
    for kinds, sentence in _SENTENCES:
        found = next((cause for cause in causes if isinstance(cause, kinds)), None)
        if found is not None:
            return sentence.format(host=host, url=base_url, detail=_detail(found))
    return f"The connection to {base_url} broke ({type(error).__name__}); check the connection's host."


# The first kind that is among the causes of an error decides, so the more specific ones come first.
_SENTENCES: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], str], ...] = (
    (
        (requests.exceptions.ProxyError, urllib3.exceptions.ProxyError),
        "The proxy on the way to {url} could not be used; check the connection's proxies.",
    ),
    (
        (socket.gaierror, urllib3.exceptions.NameResolutionError),
        "The name {host} does not resolve to an address; check the spelling of the connection's host, and "
        "the name service of this machine.",
    ),
    (
        (UnicodeError, urllib3.exceptions.LocationParseError, requests.exceptions.InvalidURL),
        "The name {host} cannot be the name of a host; correct the connection's host.",
    ),
    (
        ssl.SSLCertVerificationError,
        "The TLS certificate of {url} is not trusted ({detail}); correct the connection's host, or set its "
        "'verify' extra to the path of the CA bundle that signed the certificate.",
    ),
    (
        ssl.SSLError,
        "{url} does not speak TLS as https needs it ({detail}); check the scheme and the port of the "
        "connection's host.",
    ),
    (
        ConnectionRefusedError,
        "{url} refused the connection: nothing listens on that port; check the host and the port of the "
        "connection.",
    ),
    (
        (requests.exceptions.ConnectTimeout, urllib3.exceptions.ConnectTimeoutError),
        "{url} could not be reached in time; check the connection's host, and whether a firewall or a proxy "
        "is in the way.",
    ),
    (
        (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError),
        "{url} accepted the connection and sent no answer in time; check the connection's host, or try again "
        "later.",
    ),
    (
        http.client.RemoteDisconnected,
        "{url} closed the connection without an answer; check the connection's host and its scheme.",
    ),
    (
        (http.client.BadStatusLine, http.client.LineTooLong),
        "{url} does not speak HTTP; check the scheme and the port of the connection's host.",
    ),
    (
        OSError,
        "{url} could not be reached ({detail}); check the connection's host and the network of this machine.",
    ),
)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all that it came from; the libraries hand causes over in three ways."""
    pending, seen = [error], set[int]()
    while pending:
        current = pending.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        linked = (current.__cause__, current.__context__, getattr(current, "reason", None), *current.args)
        pending.extend(each for each in linked if isinstance(each, BaseException))


def _detail(error: BaseException) -> str:
    """Return the reason in the words of the operating system or of the TLS library."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return str(error.verify_message)
    if isinstance(error, ssl.SSLError):
        return str(error.reason or "the handshake failed").lower().replace("_", " ")
    return str(getattr(error, "strerror", None) or type(error).__name__)
