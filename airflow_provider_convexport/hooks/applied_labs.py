"""Applied Labs, public API version ``v2026-04``: everything specific to this vendor.

Documented at https://appliedlabs.ai/docs/api/v2026-04/export-conversations (parameters, maximum of 30 days,
page size, 60 requests a minute) and https://appliedlabs.ai/docs/developer-reference/data-export (advice).
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

from airflow_provider_convexport.audit.second_views import Listing
from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.export.fetch.interval_policy import IntervalPolicy
from airflow_provider_convexport.export.fetch.limit import Limit
from airflow_provider_convexport.export.fetch.page import MalformedAnswerError
from airflow_provider_convexport.export.fetch.pages import paginate
from airflow_provider_convexport.export.fetch.pagination import NextLink
from airflow_provider_convexport.export.fetch.request import PageRequest
from airflow_provider_convexport.export.fetch.stream import PageSize, Query, Stream
from airflow_provider_convexport.export.window import Window, iso
from airflow_provider_convexport.hooks.base import ExportHook, as_parameter, window_between

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from airflow_provider_convexport.audit.second_views import SecondView
    from airflow_provider_convexport.export.fetch.interval_policy import OnExpired, OnUnsettled
    from airflow_provider_convexport.hooks.settings import Settings

_VERSION = "/v2026-04"
_MAX_RANGE = timedelta(days=30)
_MAX_WINDOW = timedelta(days=29)
"""It is not documented whether 30 days are inclusive, and requests reach one second beyond both ends."""
_MAX_LIST_LENGTH = 50
"""No maximum is documented; with this one, URLs have less than 2,000 characters."""

_FILTERS = frozenset(
    ("agent_id", "contact_id", "contact_id__in", "id", "id__in", "resolution", "resolution__in")
)


def _window_params(window: Window, window_on: str) -> dict[str, str]:
    return {f"{window_on}__range": f"{iso(window.start)},{iso(window.end)}"}


def _stream(path: str, *time_fields: str) -> Stream:
    return Stream(
        vendor="applied_labs",
        title="Applied Labs",
        name="conversations",
        path=f"{_VERSION}{path}",
        list_keys=("results",),
        # The vendor asks clients to follow its links and not to build cursors themselves.
        pagination=NextLink(("next",)),
        id_field="id",
        time_fields={field: field for field in time_fields},
        page_size=PageSize("limit", default=100, minimum=1, maximum=100),
        request_window=_MAX_WINDOW,
        max_window=_MAX_WINDOW,
        window_params=_window_params,
        filters=_FILTERS,
        # No delay is documented; a few minutes suffice for records that are being written.
        settle=timedelta(minutes=15),
        # "One active export worker per shop" is the vendor's advice.
        concurrency=1,
    )


CONVERSATIONS = _stream("/conversations/export/", "created_at", "last_message_at")
_LIST = _stream("/conversations/", "created_at")


class AppliedLabsHook(ExportHook):
    """Reads conversations, with their messages inlined, from Applied Labs.

    :param applied_labs_conn_id: Id of the Airflow connection; its password is the API key, its extra
        ``shop_id`` the shop.
    :param shop_id: UUID of the shop; overrides the connection's.
    """

    conn_name_attr = "applied_labs_conn_id"
    default_conn_name = "applied_labs_default"
    conn_type = "applied_labs"
    hook_name = "Applied Labs"
    title = "Applied Labs"
    address = "https://core.appliedlabs.ai"
    extras = ("shop_id",)
    limits = (Limit(60, timedelta(minutes=1)),)
    streams: ClassVar[Mapping[str, Stream]] = {"conversations": CONVERSATIONS}
    # Both endpoints select by creation; the list has fewer members, and never calls by video.
    second_views: ClassVar[Mapping[str, tuple[SecondView, ...]]] = {
        "conversations": (Listing(_LIST, window_on="created_at"),)
    }
    # "One active export worker per shop" is the vendor's advice.
    pool_slots = 1
    advice: ClassVar[Mapping[int, str]] = {
        401: "Check the API key in the connection's password and the shop_id.",
        403: "Check the API key in the connection's password and the shop_id.",
        404: "Check the shop_id, the connection's host and the ids in the Dag.",
    }

    def __init__(self, applied_labs_conn_id: str = default_conn_name, *, shop_id: str | None = None) -> None:
        super().__init__(applied_labs_conn_id)
        self.applied_labs_conn_id = applied_labs_conn_id
        self.shop_id = shop_id

    def scope(self) -> dict[str, str]:
        """Return the shop.

        :raises ConfigurationError: if neither the Dag nor the connection names one, or it cannot be a UUID.
        """
        if not isinstance(self.shop_id, (str, type(None))):
            raise ConfigurationError(f"shop_id={self.shop_id!r} is not text; write the UUID of a shop.")
        shop_id = (self.shop_id or self.settings.extras.get("shop_id", "")).strip()
        if not shop_id:
            raise ConfigurationError(
                f"No shop is named; set the extra shop_id of the connection {self.http_conn_id}, "
                "or pass shop_id= to the operator or the hook."
            )
        if not shop_id.isascii() or not shop_id.isprintable() or " " in shop_id:
            raise ConfigurationError(
                f"shop_id={shop_id!r} is not the UUID of a shop; copy it from the Applied dashboard."
            )
        # A UUID has one meaning in upper and lower case, and must have one budget and one folder.
        return {"shop_id": shop_id.lower()}

    def account(self, settings: Settings) -> str:
        """Return the key's digest and the shop: the vendor counts requests by key and shop."""
        return f"{super().account(settings)}:{self.scope()['shop_id']}"

    def advice_here(self) -> Mapping[int, str]:
        """Return what to check, with the shop that was named, by HTTP status."""
        shop_id = self.scope()["shop_id"]
        return {status: f"{advice} The shop_id is {shop_id!r}." for status, advice in self.advice.items()}

    def auth_headers(self, settings: Settings) -> dict[str, str]:
        """Return the headers with the key and the shop."""
        return {"Authorization": f"Bearer {settings.key}", "X-Shop-Id": self.scope()["shop_id"]}

    def query(self, *, filters: Mapping[str, Any] | None = None, **kwargs: Any) -> Query:
        """Return a checked query, including the length of ``__in`` lists; see `ExportHook.query`."""
        _check_lists(filters or {})
        return super().query(filters=filters, **kwargs)

    def export_conversations(
        self,
        start: datetime | str,
        end: datetime | str,
        window_on: str = "created_at",
        *,
        page_size: int | None = None,
        request_window: timedelta | None = None,
        on_unsettled: OnUnsettled = "wait",
        settle: timedelta | None = None,
        on_expired: OnExpired = "fail",
        **filters: Any,
    ) -> Iterator[dict[str, Any]]:
        """Yield conversations with their messages, in the vendor's order (oldest first).

        :param start: Start of the interval, inclusive; a datetime with a zone or ISO-8601 text.
        :param end: End of the interval, exclusive. It is split into request windows that the vendor accepts.
        :param window_on: ``"created_at"``, or ``"last_message_at"`` for conversations active in the interval.
        :param filters: ``agent_id``, ``contact_id``, ``id``, ``resolution`` and their ``__in`` lists.
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
        query = self.query(
            window_on=window_on, filters=filters, page_size=page_size, request_window=request_window
        )
        return self._records(query, start, end, IntervalPolicy(on_unsettled, settle, on_expired))

    def list_conversations(self, **filters: Any) -> Iterator[dict[str, Any]]:
        """Yield conversations without their messages, newest first.

        :param filters: As for `export_conversations`, and ``created_at__range``: a pair of datetimes with a
            zone or ISO-8601 texts, at most 30 days apart.
        :raises ConvExportError: see `airflow_provider_convexport.errors`.
        """
        span = filters.pop("created_at__range", None)
        _check_lists(filters)
        query = Query(
            _LIST,
            scope=self.scope(),
            filters={name: as_parameter(value) for name, value in filters.items() if value is not None},
        )
        params = {"limit": "100", **query.filters}
        if span is not None:
            params["created_at__range"] = _range(span)
        return self._list(query, PageRequest.of(_LIST.path, params))

    def get_conversation(self, conversation_id: str) -> dict[str, Any]:
        """Return one conversation, without its messages.

        :param conversation_id: Its UUID.
        :raises VendorRejectedError: with status 404 if the shop has no conversation of that id.
        """
        if conversation_id in ("", ".", ".."):
            raise ConfigurationError(f"conversation_id={conversation_id!r} is not the id of a conversation.")
        url = self.client.resolve(f"{_VERSION}/conversations/{quote(conversation_id, safe='')}/")
        return self.client.fetch(PageRequest(url), _object)

    def _list(self, query: Query, start: PageRequest) -> Iterator[dict[str, Any]]:
        seen = set[str]()
        for fetched in paginate(self.client, query, start=start):
            for identity, raw in zip(fetched.page.ids, fetched.page.raws, strict=True):
                if identity not in seen:
                    seen.add(identity)
                    yield json.loads(bytes(raw))

    def _probe(self) -> None:
        self._fetch(Query(_LIST, scope=self.scope()), PageRequest.of(_LIST.path, {"limit": "1"}))


def _range(span: Any) -> str:
    ends = span.split(",") if isinstance(span, str) else list(span)
    if len(ends) != 2:
        raise ConfigurationError(
            f"created_at__range={span!r} is not a pair of moments; give its start and end."
        )
    start, end = ends
    window = window_between(start, end)
    if window.length > _MAX_RANGE:
        raise ConfigurationError(
            f"created_at__range={window} is longer than the 30 days that Applied Labs accepts; "
            "use a shorter range."
        )
    return f"{iso(window.start)},{iso(window.end)}"


def _check_lists(filters: Mapping[str, Any]) -> None:
    for name, value in filters.items():
        if name.endswith("__in") and as_parameter(value).count(",") >= _MAX_LIST_LENGTH:
            raise ConfigurationError(f"{name} lists more than {_MAX_LIST_LENGTH} values; split the export.")


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except ValueError:
        raise MalformedAnswerError from None
    if not isinstance(value, dict):
        raise MalformedAnswerError
    return value
