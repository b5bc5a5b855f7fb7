"""Ada, Data Export API v2: everything specific to this vendor.

Documented at https://docs.ada.cx/reference/data-export/overview.md (60 days, 12 months, near real time) and
https://docs.ada.cx/reference/introduction/limits.md (10 requests a second per endpoint, 100 a minute and
15,000 a day per instance).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qs, parse_qsl, urlsplit

from airflow_provider_convexport.audit.second_views import ConversationOf, MessagesOf
from airflow_provider_convexport.export.fetch.interval_policy import IntervalPolicy
from airflow_provider_convexport.export.fetch.limit import Limit
from airflow_provider_convexport.export.fetch.moment import moment_of
from airflow_provider_convexport.export.fetch.pagination import NextLink, join
from airflow_provider_convexport.export.fetch.stream import PageSize, Stream
from airflow_provider_convexport.export.window import iso, utc
from airflow_provider_convexport.hooks.base import ExportHook

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_provider_convexport.audit.second_views import SecondView
    from airflow_provider_convexport.export.fetch.interval_policy import OnExpired, OnUnsettled
    from airflow_provider_convexport.export.fetch.page import Page
    from airflow_provider_convexport.export.fetch.request import PageRequest
    from airflow_provider_convexport.export.window import Window
    from airflow_provider_convexport.hooks.settings import Settings

_REPEATED = ("page_size", "conversation_id")
_LOWER_BOUNDS = ("created_since", "updated_since")
_FRACTION = re.compile(r"\.(\d+)")
_MAX_WINDOW = timedelta(days=59)
"""The documented maximum is 60 days; requests reach one second beyond both ends, and live clients use 59."""


def _window_params(window: Window, window_on: str) -> dict[str, str]:
    """Return both ends of one pair of parameters; without an upper end, Ada silently returns seven days."""
    return {f"{window_on}_since": iso(window.start), f"{window_on}_to": iso(window.end)}


def _complete(page: Page, request: PageRequest) -> str:
    """Return the URL of the next page: the vendor's link, completed, with an earlier lower bound.

    The link is the same query with the lower bound moved to the time of the last record. The vendor's example
    omits the page size; a link without an upper bound would silently mean seven days. According to the
    documentation the lower bound is exclusive ("after"), so records with exactly that timestamp on the next
    page would be skipped; in practice it was inclusive. Unless this page proves that it is inclusive, the
    bound is moved back by one unit of its own resolution, and deduplication drops the repeated records.
    """
    following = request.at(join(page, request))
    try:
        names = parse_qs(urlsplit(following.url).query)
    except ValueError:
        return following.url  # not a URL; the client rejects it
    for name, value in parse_qsl(urlsplit(request.url).query):
        if name not in names and (name in _REPEATED or name.replace("_to", "_since") in names):
            following = following.replace(name, value)
    for name in _LOWER_BOUNDS:
        asked, bound = request.parameter(name), following.parameter(name)
        if asked and bound and not _is_inclusive(page, asked):
            following = following.replace(name, _moved_back(bound, asked))
    return following.url


def _is_inclusive(page: Page, asked: str) -> bool:
    """Return whether a page contains a record whose time is exactly the requested lower bound."""
    moment = moment_of(asked)
    return moment is not None and moment in page.moments


def _moved_back(bound: str, asked: str) -> str:
    """Return a link's lower bound, moved back by one unit of its own resolution.

    :param bound: Lower bound of the link.
    :param asked: Lower bound of the request; a link whose bound is not later does not advance and is returned
        unchanged.
    """
    try:
        moment = datetime.fromisoformat(bound.replace(" ", "+"))
    except ValueError:
        return bound
    moment = utc(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    before = moment_of(asked)
    if before is not None and moment.timestamp() <= before:
        return bound
    digits = _FRACTION.search(bound)
    return iso(moment - timedelta(seconds=1) / 10 ** (len(digits[1][:6]) if digits else 0))


def _stream(name: str, time_fields: Mapping[str, str], filters: frozenset[str] = frozenset()) -> Stream:
    return Stream(
        vendor="ada",
        title="Ada",
        name=name,
        path=f"/api/v2/export/{name}",
        # The documentation disagrees: the newest schema and live clients have "data", older pages "items".
        list_keys=("data", "items"),
        pagination=NextLink(("meta", "next_page_uri"), complete=_complete),
        id_field="_id",
        time_fields=time_fields,
        page_size=PageSize("page_size", default=10_000, minimum=100, maximum=10_000),
        request_window=_MAX_WINDOW,
        max_window=_MAX_WINDOW,
        window_params=_window_params,
        filters=filters,
        # The documentation disagrees: seconds, "at least 2 hours", 24 to 48 hours for the old version.
        settle=timedelta(hours=2),
        history=timedelta(days=365),
        concurrency=4,
    )


CONVERSATIONS = _stream("conversations", {"created": "date_created", "updated": "date_updated"})
MESSAGES = _stream("messages", {"created": "date_created"}, frozenset(("conversation_id",)))


class AdaHook(ExportHook):
    """Reads conversations and messages from Ada.

    :param ada_conn_id: Id of the Airflow connection; its host is the address of the instance, such as
        ``https://acme.ada.support``, and its password is a v2 API key.
    """

    conn_name_attr = "ada_conn_id"
    default_conn_name = "ada_default"
    conn_type = "ada"
    hook_name = "Ada"
    title = "Ada"
    limits = (
        Limit(10, timedelta(seconds=1), per_endpoint=True),
        Limit(100, timedelta(minutes=1)),
        Limit(15_000, timedelta(days=1)),
    )
    streams: ClassVar[Mapping[str, Stream]] = {"conversations": CONVERSATIONS, "messages": MESSAGES}
    # Two exports of the vendor, which it fills independently of each other.
    second_views: ClassVar[Mapping[str, tuple[SecondView, ...]]] = {
        "conversations": (
            MessagesOf(
                "messages",
                conversation_field="conversation_id",
                begun_field="date_created",
                until_field="date_updated",
                facts=("is_engaged",),
                # Somebody wrote at least one message; how many, the vendor does not say.
                expected=lambda facts: int(facts["is_engaged"] is True),
            ),
        ),
        "messages": (ConversationOf("conversations", "created", conversation_field="conversation_id"),),
    }
    advice: ClassVar[Mapping[int, str]] = {
        401: "Check the API key in the connection's password; keys marked Legacy do not work on version 2.",
        403: "Check the API key in the connection's password and that the plan includes the data export.",
        404: "Check the connection's host, and that the data export is enabled for this instance.",
    }

    def __init__(self, ada_conn_id: str = default_conn_name) -> None:
        super().__init__(ada_conn_id)
        self.ada_conn_id = ada_conn_id

    def account(self, settings: Settings) -> str:
        """Return the instance: the vendor counts requests by instance, not by key."""
        return f"{self.conn_type}:{settings.host_and_port}"

    def public_account(self) -> str:
        """Return the instance: Ada has no scope whose folder would tell instances apart."""
        return self.settings.host_and_port

    def auth_headers(self, settings: Settings) -> dict[str, str]:
        """Return the header with the key."""
        return {"Authorization": f"Bearer {settings.key}"}

    def export_conversations(
        self,
        start: datetime | str,
        end: datetime | str,
        window_on: str = "created",
        *,
        page_size: int | None = None,
        request_window: timedelta | None = None,
        on_unsettled: OnUnsettled = "wait",
        settle: timedelta | None = None,
        on_expired: OnExpired = "fail",
    ) -> Iterator[dict[str, Any]]:
        """Yield conversations.

        :param start: Start of the interval, inclusive; a datetime with a zone or ISO-8601 text.
        :param end: End of the interval, exclusive. It is split into request windows that the vendor accepts.
        :param window_on: ``"created"`` or ``"updated"``.
        :param page_size: Records per request; by default the size that suits the vendor best.
        :param request_window: Longest span of time asked for in one request.
        :param on_unsettled: While the vendor may still add records to the interval, ``"wait"`` raises
            `UnsettledError`, with which `airflow_errors` reschedules the task, ``"fail"`` raises
            `IncompleteExportError`, and ``"export"`` yields the records that exist.
        :param settle: How long after its end an interval settles; by default the vendor's lag.
        :param on_expired: If the vendor no longer keeps the beginning of the interval, ``"fail"`` raises
            `ConfigurationError`, ``"clip"`` yields what is left, or raises `ExpiredError` if nothing is, and
            ``"export"`` lets the vendor decide.
        :raises ConvExportError: see `airflow_provider_convexport.errors`; wrong arguments and an interval
            that has not settled are refused by the call itself, before the first request.
        """
        query = self.query(window_on=window_on, page_size=page_size, request_window=request_window)
        return self._records(query, start, end, IntervalPolicy(on_unsettled, settle, on_expired))

    def export_messages(
        self,
        start: datetime | str,
        end: datetime | str,
        conversation_id: str | None = None,
        *,
        page_size: int | None = None,
        request_window: timedelta | None = None,
        on_unsettled: OnUnsettled = "wait",
        settle: timedelta | None = None,
        on_expired: OnExpired = "fail",
    ) -> Iterator[dict[str, Any]]:
        """Yield messages by their time of creation; the vendor has no other filter by time for messages.

        The arguments that are not named here are those of `export_conversations`.

        :param start: Start of the interval, inclusive.
        :param end: End of the interval, exclusive.
        :param conversation_id: Only messages of that conversation.
        :raises ConvExportError: see `export_conversations`.
        """
        query = self.query(
            stream="messages",
            filters={"conversation_id": conversation_id},
            page_size=page_size,
            request_window=request_window,
        )
        return self._records(query, start, end, IntervalPolicy(on_unsettled, settle, on_expired))
