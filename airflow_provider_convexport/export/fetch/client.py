"""The HTTP client: requests pages from one vendor within its rate limits, on its own host, with retries."""

from __future__ import annotations

import logging
import math
import threading
import time
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import requests
import urllib3

from airflow_provider_convexport.errors import (
    ConfigurationError,
    IncompleteExportError,
    RateLimitedError,
    VendorRejectedError,
    VendorUnavailableError,
    WorkerDiskError,
    printable,
)
from airflow_provider_convexport.export.fetch.body import MAX_BODY, read_body
from airflow_provider_convexport.export.fetch.budget import BudgetExhaustedError
from airflow_provider_convexport.export.fetch.channel import Channel, Channels, LateAnswerError
from airflow_provider_convexport.export.fetch.link import origin_of, target_of
from airflow_provider_convexport.export.fetch.page import MalformedAnswerError
from airflow_provider_convexport.export.fetch.reason import reason_of
from airflow_provider_convexport.export.fetch.retry import (
    RetryPolicy,
    is_transient,
    pause_announced,
    pause_asked,
)
from airflow_provider_convexport.export.fetch.usage import Usage
from airflow_provider_convexport.export.fetch.waiting import Waiting

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeVar

    from airflow_provider_convexport.export.fetch.budget import Budget, Grant
    from airflow_provider_convexport.export.fetch.deadline import Deadlines
    from airflow_provider_convexport.export.fetch.request import PageRequest

    T = TypeVar("T")

log = logging.getLogger(__name__)

ANSWER_DEADLINE = 300.0
"""Seconds within which an answer must be complete, unless the connection's ``timeout`` is longer."""
_REQUEST_ID_HEADERS = ("X-Request-Id", "x-amzn-RequestId", "X-Amz-Apigw-Id", "Cf-Ray")
_DEFAULT_ADVICE = {
    401: "Check the API key in the connection's password.",
    403: "Check the API key in the connection's password and its permissions.",
    404: "Check the connection's host and the Dag's arguments.",
}
_UNSENDABLE = (
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
    requests.exceptions.InvalidHeader,
)
"""Failures of the request itself, which a retry repeats; those of a proxy's URL are among them."""
_REDIRECTED = (
    "It redirects to another address, which is not followed so that the key stays here; "
    "put the address that answers into the connection's host."
)
_UNDOCUMENTED = (
    "The vendor does not document this status, so a proxy or cache on the way may have answered; "
    "check the connection's host and proxies."
)
_OTHER_ADVICE = "The vendor will reject this request whenever it is sent again; check the Dag's arguments."


@dataclass(slots=True)
class Client:
    """An HTTP client for one connection; it is thread-safe.

    :param title: The vendor's name, for messages.
    :param base_url: Scheme, host and port of the connection.
    :param new_session: Creates a session that adds the key to each request; called once per thread.
    :param budget: The account's budget, which grants a permit for each request.
    :param advice: What this vendor's users should check, by HTTP status.
    :param timeout: Seconds to wait for the connection, and for each read.
    :param retry: How often a page is retried, and the waits in between.
    :param deadline: Seconds within which an answer must be complete, from the moment its request is written;
        twice the ``timeout`` of a read if that is longer.
    :param sleep: Sleeps for some seconds; by default until `end` is called at the latest.
    :param now: Returns the current time as epoch seconds.
    :param clock: Returns the seconds of a monotonic clock, by which waits are measured.
    """

    title: str
    base_url: str
    new_session: Callable[[], requests.Session]
    budget: Budget
    advice: Mapping[int, str] = field(default_factory=dict)
    timeout: tuple[float, float] = (10.0, 120.0)
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    deadline: float = ANSWER_DEADLINE
    sleep: Callable[[float], None] | None = None
    now: Callable[[], float] = time.time
    clock: Callable[[], float] = time.monotonic
    _usage: Usage = field(default_factory=Usage)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _channels: Channels = field(init=False, repr=False)
    _limited: Waiting = field(init=False, repr=False)
    _failed: Waiting = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._channels = Channels(self._open_channel)
        self._limited, self._failed = Waiting(self.clock), Waiting(self.clock)

    def end(self) -> None:
        """Let every thread within `fetch` send nothing more; answers that are being read may still arrive.

        A call of `fetch` that begins later is not affected.
        """
        self._channels.end()

    def shut_down(self) -> None:
        """Do the same, and shut down the sockets, so that no thread waits for an answer any more."""
        self._channels.shut_down()

    def rest(self) -> None:
        """End the client's own thread, which watches the deadlines of answers, until the next request."""
        self._channels.rest()

    def resolve(self, link: str, *, url: str | None = None) -> str:
        """Return ``link`` as an absolute URL on the connection's own host.

        :param link: An absolute or relative link; it comes from the vendor and is not trusted.
        :param url: URL of the response that contained the link; the connection's own if left out.
        :raises IncompleteExportError: if the link has another scheme, host or port; nothing is sent there.
        """
        base = urlsplit(self.base_url)
        target = target_of(link, url or self.base_url)
        if target is None or target.username is not None or origin_of(target) != origin_of(base):
            raise IncompleteExportError(
                f"{self.title} sent a next link that leads away from {base.scheme}://{base.netloc}; "
                "it was not followed and the key was not sent there. "
                "If the vendor moved, put its new address into the connection's host."
            )
        query = f"?{target.query}" if target.query else ""
        return f"{base.scheme}://{base.netloc}{target.path}{query}"

    @property
    def usage(self) -> Usage:
        """What this client has requested from the vendor so far."""
        waits = Usage(throttled_seconds=self._limited.seconds, retry_seconds=self._failed.seconds)
        return self._usage + waits

    def fetch(self, request: PageRequest, decode: Callable[[bytes], T]) -> T:
        """Send ``request`` and return its response as decoded by ``decode``.

        The same request is sent again after connection errors, timeouts, status 408, 429 or 5xx, and bodies
        for which ``decode`` raises `MalformedAnswerError`.

        :raises VendorRejectedError: for any other status of 300 or more.
        :raises IncompleteExportError: for any other status below 300 than 200.
        :raises RateLimitedError: if the vendor asks for a pause that is too long to occupy a worker slot.
        :raises VendorUnavailableError: if the last try fails.
        :raises ChannelEndedError: if another thread calls `end` or `shut_down`.
        """
        channel = self._channels.open()
        endpoint = printable(urlsplit(request.url).path)
        problem = ""
        for tries in range(1, self.retry.max_tries + 1):
            if tries > 1:
                log.info("%s %s: trying again (%d of %d) after %s.", self.title, endpoint, tries,
                         self.retry.max_tries, problem)  # fmt: skip
            outcome = self._try(channel, request, endpoint, decode)
            if not isinstance(outcome, _Failure):
                return outcome
            problem = outcome.problem
            if tries < self.retry.max_tries:
                self._wait(channel, outcome, tries, endpoint)
        raise VendorUnavailableError(
            endpoint=f"{self.title} {endpoint}", problem=problem, tries=self.retry.max_tries
        )

    def _try(
        self, channel: Channel, request: PageRequest, endpoint: str, decode: Callable[[bytes], T]
    ) -> T | _Failure:
        try:
            with channel.answer_within(self._deadline), self._send(channel.session, request) as response:
                if response.status_code != HTTPStatus.OK:
                    return self._failure_of(response, endpoint)
                if spent := pause_announced(response.headers, now=self.now()):
                    self.budget.pause(spent)
                body = read_body(response.raw, source=f"{self.title} {endpoint}", limit=MAX_BODY)
        except BudgetExhaustedError as error:
            raise self._rate_limited(endpoint, error.seconds) from None
        except LateAnswerError:
            return _Failure(f"an answer that was not complete after {self._deadline:g} s")
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError) as error:
            return self._connection_failure(error)
        try:
            page = decode(body)
        except MalformedAnswerError as error:
            return _Failure(f"status 200 with a body that is {error}")
        self._count(Usage(pages=1))
        return page

    def _send(self, session: requests.Session, request: PageRequest) -> requests.Response:
        """Send the request.

        The session's own settings are passed again, because environment variables take precedence otherwise:
        https://github.com/psf/requests/issues/3829 for REQUESTS_CA_BUNDLE,
        https://github.com/psf/requests/issues/2018 for HTTPS_PROXY.
        """
        return session.request(
            request.method,
            request.url,
            data=request.body,
            headers=None if request.body is None else {"Content-Type": "application/json"},
            timeout=self.timeout,
            allow_redirects=False,
            stream=True,
            verify=session.verify,
            proxies=dict(session.proxies),
        )

    def _take_permit(self, endpoint: str, ready: Callable[[], None]) -> Grant:
        channel = self._channels.opened

        def prepare() -> None:
            ready()
            channel.restart_deadline(self._deadline)  # not after the permit, which would become older

        def sleep(seconds: float) -> None:
            channel.suspend_deadline()
            with self._limited.counted():
                channel.sleep(seconds)

        channel.suspend_deadline()
        try:
            grant = self.budget.grant(endpoint, max_wait=self.retry.max_sleep, ready=prepare, sleep=sleep)
        except OSError as error:  # which would look like one of the connection
            problem = f"the count of requests: {error.strerror or type(error).__name__}"
            raise WorkerDiskError(problem=problem) from None
        channel.check()
        self._count(Usage(requests=1))
        return grant

    def _count(self, usage: Usage) -> None:
        with self._lock:
            self._usage += usage

    @property
    def _deadline(self) -> float:
        return max(self.deadline, 2 * self.timeout[1])

    def _open_channel(self, deadlines: Deadlines) -> Channel:
        return Channel(self.new_session(), self._take_permit, deadlines, sleep=self.sleep)

    def _rate_limited(self, endpoint: str, seconds: float) -> RateLimitedError:
        return RateLimitedError(
            endpoint=f"{self.title} {endpoint}", retry_after=timedelta(seconds=math.ceil(seconds))
        )

    def _connection_failure(self, error: Exception) -> _Failure:
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            raise ConfigurationError(
                f"The TLS certificate of {self.base_url} is not trusted; set the connection's 'verify' extra "
                "to the path of the CA bundle that signed it."
            ) from None
        if isinstance(error, _UNSENDABLE):
            raise ConfigurationError(
                f"No request can be sent to {self.base_url} ({type(error).__name__}); correct the "
                "connection's host and its proxies."
            ) from None
        if isinstance(error, (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError)):
            return _Failure("no answer in time")
        return _Failure(f"a broken connection ({type(error).__name__})")

    def _failure_of(self, response: requests.Response, endpoint: str) -> _Failure:
        status = response.status_code
        if is_transient(status):
            pause = pause_asked(response.headers, status=status, now=self.now())
            return _Failure(f"status {status}", pause)
        if status < 300:
            raise IncompleteExportError(
                f"{self.title} {endpoint} answered {status}, but only 200 is documented; "
                "nothing was published."
            )
        if status < 400:
            advice = _REDIRECTED if response.is_redirect else _UNDOCUMENTED
        else:
            advice = self.advice.get(status) or _DEFAULT_ADVICE.get(status, _OTHER_ADVICE)
        ids = (response.headers.get(name) for name in _REQUEST_ID_HEADERS)
        raise VendorRejectedError(
            endpoint=f"{self.title} {endpoint}",
            status=status,
            request_id=next((printable(value, limit=80) for value in ids if value), None),
            advice=advice,
            reason=reason_of(response.raw),
        )

    def _wait(self, channel: Channel, failure: _Failure, failures: int, endpoint: str) -> None:
        if failure.pause is None:
            with self._failed.counted():
                channel.sleep(self.retry.backoff(failures))
        else:
            seconds = failure.pause
            if seconds > self.retry.max_sleep:
                raise self._rate_limited(endpoint, seconds)
            self.budget.pause(seconds)
            with self._limited.counted():
                channel.sleep(seconds)


@dataclass(frozen=True, slots=True)
class _Failure:
    """A try that failed and may be repeated: its problem, and the seconds that the vendor asked to wait."""

    problem: str
    pause: float | None = None
