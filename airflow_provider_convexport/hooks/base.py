"""The base of all hooks: connection, session, client, budget, queries."""

from __future__ import annotations

import copy
import functools
import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Self

import requests

from airflow_provider_convexport.compat import AirflowNotFoundException, conf
from airflow_provider_convexport.errors import ConfigurationError, ConvExportError, VendorUnavailableError
from airflow_provider_convexport.export.fetch.budget import Budget
from airflow_provider_convexport.export.fetch.budget_storage import counter_factory
from airflow_provider_convexport.export.fetch.client import Client
from airflow_provider_convexport.export.fetch.finding_storage import findings_in
from airflow_provider_convexport.export.fetch.interval_policy import IntervalPolicy
from airflow_provider_convexport.export.fetch.retry import RetryPolicy
from airflow_provider_convexport.export.fetch.stream import Query
from airflow_provider_convexport.export.fetch.window_reading import WindowReading
from airflow_provider_convexport.export.records import decided_records
from airflow_provider_convexport.export.window import Window, parse_moment
from airflow_provider_convexport.hooks.masking import mask_password, mask_settings
from airflow_provider_convexport.hooks.network_problems import TEST_RETRY, PlainSession, timeouts_of_test
from airflow_provider_convexport.hooks.session import ClientOnlyHook, session_with
from airflow_provider_convexport.hooks.settings import read_settings
from airflow_provider_convexport.hooks.vendors import vendors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_convexport.audit.second_views import SecondView
    from airflow_provider_convexport.export.fetch.finding_storage import Findings
    from airflow_provider_convexport.export.fetch.limit import Limit
    from airflow_provider_convexport.export.fetch.page import Page
    from airflow_provider_convexport.export.fetch.request import PageRequest
    from airflow_provider_convexport.export.fetch.stream import Stream
    from airflow_provider_convexport.hooks.settings import Settings

CONNECT_TIMEOUT = 10.0
"""Maximum number of seconds for establishing a connection."""


class ExportHook(ClientOnlyHook):
    """Base of the vendors' hooks.

    A subclass names its connection, its streams and its limits as class attributes and implements
    `auth_headers`. The constructor does no input or output; the connection is read on first use.
    """

    title: ClassVar[str]
    """The vendor's name in messages."""
    address: ClassVar[str | None] = None
    """The vendor's address; ``None`` if each customer has a different one."""
    extras: ClassVar[tuple[str, ...]] = ()
    """Names of the vendor's own connection extras."""
    limits: ClassVar[tuple[Limit, ...]]
    """The vendor's rate limits."""
    streams: ClassVar[Mapping[str, Stream]]
    """The vendor's streams by name."""
    second_views: ClassVar[Mapping[str, tuple[SecondView, ...]]] = {}
    """By stream, what the vendor shows of its records a second time, for audits."""
    pool_slots: ClassVar[int] = 2
    """Recommended number of slots of a pool; more concurrent exports only share the same budget."""
    advice: ClassVar[Mapping[int, str]] = {}
    """What users should check, by HTTP status."""
    retry: ClassVar[RetryPolicy] = RetryPolicy()
    """Retry policy for each page."""
    _session_class: type[requests.Session] = requests.Session

    def __init__(self, conn_id: str) -> None:
        super().__init__(method="GET", http_conn_id=conn_id)

    def auth_headers(self, settings: Settings) -> dict[str, str]:
        """Return the headers that carry the key."""
        raise NotImplementedError

    def advice_here(self) -> Mapping[int, str]:
        """Return what users of this connection should check, by HTTP status."""
        return self.advice

    def account(self, settings: Settings) -> str:
        """Return a name without a secret for what the vendor counts requests by."""
        digest = hashlib.sha256(f"{settings.base_url} {settings.key}".encode()).hexdigest()
        return f"{self.conn_type}:{digest[:16]}"

    @functools.cached_property
    def settings(self) -> Settings:
        """The connection's checked settings.

        :raises ConfigurationError: if the connection cannot be used; the message says what to change.
        """
        try:
            connection = self.get_connection(self.http_conn_id)
        except AirflowNotFoundException:
            raise ConfigurationError(
                f"The connection {self.http_conn_id} does not exist; create it, or name another in the Dag."
            ) from None
        if connection.conn_type != self.conn_type and connection.conn_type in vendors():
            # Before anything is sent: the key of one vendor is none of another's business.
            raise ConfigurationError(
                f"The connection {self.http_conn_id} has the type {connection.conn_type!r}, but "
                f"{self.title} needs {self.conn_type!r}; name another connection, or correct its type."
            )
        settings = read_settings(
            connection,
            conn_id=self.http_conn_id,
            title=self.title,
            address=self.address,
            extras=self.extras,
        )
        mask_settings(settings)
        return settings

    @functools.cached_property
    def client(self) -> Client:
        """The client that sends this hook's requests."""
        return self._new_client((CONNECT_TIMEOUT, self.settings.timeout), self.retry)

    def _new_client(self, timeout: tuple[float, float], retry: RetryPolicy) -> Client:
        settings = self.settings
        return Client(
            title=self.title,
            base_url=settings.base_url,
            new_session=self._session,
            budget=_budget(self.account(settings), tuple(self.limits), _budget_storage()),
            advice=self.advice_here(),
            timeout=timeout,
            retry=retry,
        )

    @functools.cached_property
    def window_reading(self) -> WindowReading:
        """What is known about the windows of this account's streams, where the vendor does not say."""
        return WindowReading(self.client, _findings(_budget_storage()))

    def _session(self) -> requests.Session:
        """Return a new session that adds the key to each request."""
        return session_with(self.auth_headers(self.settings), self.settings, kind=self._session_class)

    def query(
        self,
        *,
        stream: str = "conversations",
        window_on: str | None = None,
        filters: Mapping[str, Any] | None = None,
        page_size: int | None = None,
        request_window: timedelta | None = None,
    ) -> Query:
        """Return a checked query.

        :param stream: Name of the stream.
        :param window_on: Which of its times selects records; the stream's default if left out.
        :param filters: Further query parameters; lists are joined with commas.
        :param page_size: Records per request; the stream's default if left out.
        :param request_window: Length of a request window; the stream's default if left out.
        :raises ConfigurationError: if the stream does not support one of the arguments.
        """
        if filters is not None and not (
            isinstance(filters, Mapping) and all(isinstance(name, str) for name in filters)
        ):
            raise ConfigurationError(f"filters={filters!r} is not a dict of query parameters.")
        if not isinstance(stream, str) or stream not in self.streams:
            raise ConfigurationError(
                f"stream={stream!r} does not exist at {self.title}; use one of {sorted(self.streams)}."
            )
        return Query(
            self.streams[stream],
            window_on=window_on or "",
            scope=self.scope(),
            filters={
                name: as_parameter(value) for name, value in (filters or {}).items() if value is not None
            },
            scope_params=self.scope_params(),
            account=self.public_account(),
            page_size=page_size,
            request_window=request_window,
        )

    def scope(self) -> dict[str, str]:
        """Return the part of the account that is exported, as it appears in paths and manifests."""
        return {}

    def public_account(self) -> str:
        """Return the public identity of the vendor account, as it appears in manifests; never a secret.

        It is empty where the scope tells accounts apart.
        """
        return ""

    def scope_params(self) -> dict[str, str]:
        """Return the query parameters that select the scope."""
        return {}

    def test_connection(self) -> tuple[bool, str]:
        """Send one small request, once; return whether it succeeded, and a sentence. Never raises."""
        try:
            self._for_test()._probe()
        except VendorUnavailableError as error:
            return False, (
                f"{error.endpoint} gave no usable answer ({error.problem}); check the connection's host, or "
                "try again later."
            )
        except ConvExportError as error:
            return False, str(error)
        except Exception as error:  # noqa: BLE001 - the button in the UI must always get a result
            return False, f"The connection {self.http_conn_id} could not be tested: {type(error).__name__}."
        return True, f"{self.title} answered and accepted the key."

    def _for_test(self) -> Self:
        """Return a copy of this hook that tries once, soon gives up, and says what the network refused."""
        hook = copy.copy(self)
        hook._session_class = PlainSession
        hook.client = hook._new_client(timeouts_of_test(self.settings.timeout), TEST_RETRY)
        return hook

    def _probe(self) -> None:
        """Send one small request that needs the key: the smallest page of the last minute."""
        stream = self.streams["conversations"]
        query = self.query(page_size=stream.page_size.minimum)
        end = datetime.now(UTC).replace(microsecond=0)
        self._fetch(query, query.first_request(Window(end - timedelta(minutes=1), end)))

    def _fetch(self, query: Query, request: PageRequest) -> Page:
        """Send one request and return its page."""
        return self.client.fetch(request.at(self.client.resolve(request.url)), query.page_format.decode)

    def _records(
        self,
        query: Query,
        start: datetime | str,
        end: datetime | str,
        policy: IntervalPolicy | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Return the records; the interval is checked by the call itself, not by the first ``next``.

        :raises ConvExportError: if ``policy``, by default the operators', does not allow the interval.
        """
        policy = policy or IntervalPolicy()
        interval = window_between(start, end)
        policy.require_settled(interval, query.stream)
        kept = Window(policy.kept_from(interval, query.stream) or interval.start, interval.end)
        return (json.loads(bytes(raw)) for raw in decided_records(self.window_reading, query, kept))


def window_between(start: datetime | str, end: datetime | str) -> Window:
    """Return the half-open window between two moments.

    :param start: Start, inclusive: a datetime with a zone or ISO-8601 text.
    :param end: End, exclusive, likewise.
    :raises ConfigurationError: if one of them is not a moment or has no zone, or the start is not before the
        end.
    """
    try:
        return Window(parse_moment(start), parse_moment(end))
    except ValueError as error:
        raise ConfigurationError(f"The interval {start!s} to {end!s} cannot be used. {error}") from None


def as_parameter(value: Any) -> str:
    """Format the value of a query parameter: lists joined with commas, booleans in lower case."""
    if isinstance(value, (list, tuple, set, frozenset)):
        return ",".join(as_parameter(each) for each in value)
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


@functools.lru_cache(maxsize=256)
def _budget(account: str, limits: tuple[Limit, ...], storage: str) -> Budget:
    """Return the one budget of an account in this process."""
    return Budget(account, limits, counter_factory(storage))


@functools.lru_cache(maxsize=16)
def _findings(storage: str) -> Findings:
    """Return the findings of a storage, which are the same for all hooks of this process."""
    return findings_in(storage)


def _budget_storage() -> str:
    storage = str(conf.get("convexport", "budget_storage", fallback="machine") or "machine").strip()
    mask_password(storage)
    return storage
