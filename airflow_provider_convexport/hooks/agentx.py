"""AgentX Support by Workato, Export API: everything specific to this vendor.

Documented at https://docs.workato.com/en/agentic/agentx-support/analytics/export-api (parameters, 1,000
records a page, 3 requests a second per endpoint).
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_convexport.audit.second_views import MessagesOf
from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.export.fetch.interval_policy import IntervalPolicy
from airflow_provider_convexport.export.fetch.limit import Limit
from airflow_provider_convexport.export.fetch.pagination import Cursor
from airflow_provider_convexport.export.fetch.stream import PageSize, Stream
from airflow_provider_convexport.hooks.base import ExportHook

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from airflow_provider_convexport.audit.second_views import Facts, SecondView
    from airflow_provider_convexport.export.fetch.interval_policy import OnExpired, OnUnsettled
    from airflow_provider_convexport.export.window import Window
    from airflow_provider_convexport.hooks.settings import Settings


def _window_params(window: Window, window_on: str) -> dict[str, str]:
    del window_on
    return {"start_time": str(int(window.start.timestamp())), "end_time": str(int(window.end.timestamp()))}


def _stream(
    name: str,
    *time_fields: str,
    filters: frozenset[str] = frozenset(),
    reach: timedelta = timedelta(seconds=1),
) -> Stream:
    return Stream(
        vendor="agentx",
        title="AgentX Support",
        name=name,
        path=f"/conversations/export/v1/{name}",
        list_keys=("data",),
        pagination=Cursor(("cursor",), parameter="cursor"),
        id_field="_id",
        time_fields={each: each for each in time_fields},
        page_size=PageSize("per_page", default=1000, minimum=1, maximum=1000),
        # No maximum is documented; one day is short enough for an undocumented limit or timeout.
        request_window=timedelta(days=1),
        window_params=_window_params,
        filters=filters,
        # No delay is documented, but the documentation mentions an archive.
        settle=timedelta(hours=2),
        window_undecided=len(time_fields) > 1,
        concurrency=3,
        reach=reach,
    )


# The vendor does not say whether conversations are selected by startTime or by lastActionAt. A conversation
# that lasted longer than the reach tells; a shorter one is in the answer to the same request in either case.
CONVERSATIONS = _stream("conversations", "startTime", "lastActionAt", reach=timedelta(seconds=10))
MESSAGES = _stream("messages", "time", filters=frozenset(("conversation_id",)))


def _user_messages(facts: Facts) -> int:
    """Return how many messages the user sent, according to a conversation; 0 if it does not say."""
    count = facts["userMessageCount"]
    return count if type(count) is int else 0


class AgentXHook(ExportHook):
    """Reads conversations and messages of one bot from AgentX Support.

    :param agentx_conn_id: Id of the Airflow connection; its password is the API key, its extra ``bot_name``
        the bot.
    :param bot_name: Name or id of the bot; overrides the connection's. A request covers one bot, and records
        do not name their bot.
    """

    conn_name_attr = "agentx_conn_id"
    default_conn_name = "agentx_default"
    conn_type = "agentx"
    hook_name = "AgentX Support (Workato)"
    title = "AgentX Support"
    address = "https://api.converseapps.com"
    extras = ("bot_name",)
    limits = (Limit(3, timedelta(seconds=1), per_endpoint=True),)
    streams: ClassVar[Mapping[str, Stream]] = {"conversations": CONVERSATIONS, "messages": MESSAGES}
    second_views: ClassVar[Mapping[str, tuple[SecondView, ...]]] = {
        "conversations": (
            MessagesOf(
                "messages",
                conversation_field="conversationId",
                begun_field="startTime",
                until_field="lastActionAt",
                facts=("userMessageCount",),
                expected=_user_messages,
                message_facts=("type",),
                counts=lambda facts: facts["type"] == "UserInput",
            ),
        ),
    }
    advice: ClassVar[Mapping[int, str]] = {
        400: "Check that bot_name names a bot of this account.",
        401: "Check the API key in the connection's password, and that the plan includes the Export API.",
        403: "Check the API key in the connection's password, and that the plan includes the Export API.",
        404: "Check that bot_name names a bot of this account.",
    }

    def __init__(self, agentx_conn_id: str = default_conn_name, *, bot_name: str | None = None) -> None:
        super().__init__(agentx_conn_id)
        self.agentx_conn_id = agentx_conn_id
        self.bot_name = bot_name

    def scope(self) -> dict[str, str]:
        """Return the bot.

        :raises ConfigurationError: if neither the Dag nor the connection names one.
        """
        if not isinstance(self.bot_name, (str, type(None))):
            raise ConfigurationError(f"bot_name={self.bot_name!r} is not text; write a bot's name or id.")
        bot_name = (self.bot_name or self.settings.extras.get("bot_name", "")).strip()
        if not bot_name:
            raise ConfigurationError(
                f"No bot is named; set the extra bot_name of the connection {self.http_conn_id}, "
                "or pass bot_name= to the operator or the hook."
            )
        return {"bot_name": bot_name}

    def scope_params(self) -> dict[str, str]:
        """Return the bot as a query parameter."""
        return self.scope()

    def auth_headers(self, settings: Settings) -> dict[str, str]:
        """Return the header with the key."""
        return {"x-api-key": settings.key}

    def export_conversations(
        self,
        start: datetime | str,
        end: datetime | str,
        bot_name: str | None = None,
        window_on: str | None = None,
        *,
        page_size: int | None = None,
        request_window: timedelta | None = None,
        on_unsettled: OnUnsettled = "wait",
        settle: timedelta | None = None,
        on_expired: OnExpired = "fail",
    ) -> Iterator[dict[str, Any]]:
        """Yield conversations.

        The vendor does not say by which field its window selects. This is found out by about three requests,
        once for an account.

        :param start: Start of the interval, inclusive; a datetime with a zone or ISO-8601 text.
        :param end: End of the interval, exclusive. It is split into request windows of one day.
        :param bot_name: Name or id of the bot; overrides the hook's.
        :param window_on: ``"startTime"`` or ``"lastActionAt"``; refused if the vendor's window proves to
            select by the other one. If left out, the one that is proven is used.
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
        hook = self._of(bot_name)
        query = hook.query(window_on=window_on, page_size=page_size, request_window=request_window)
        return hook._records(query, start, end, IntervalPolicy(on_unsettled, settle, on_expired))

    def export_messages(
        self,
        start: datetime | str,
        end: datetime | str,
        bot_name: str | None = None,
        conversation_id: str | None = None,
        *,
        page_size: int | None = None,
        request_window: timedelta | None = None,
        on_unsettled: OnUnsettled = "wait",
        settle: timedelta | None = None,
        on_expired: OnExpired = "fail",
    ) -> Iterator[dict[str, Any]]:
        """Yield messages whose own time is in the interval.

        The arguments that are not named here are those of `export_conversations`.

        :param start: Start of the interval, inclusive.
        :param end: End of the interval, exclusive.
        :param bot_name: Name or id of the bot; overrides the hook's.
        :param conversation_id: Only messages of that conversation.
        :raises ConvExportError: see `export_conversations`.
        """
        hook = self._of(bot_name)
        query = hook.query(
            stream="messages",
            filters={"conversation_id": conversation_id},
            page_size=page_size,
            request_window=request_window,
        )
        return hook._records(query, start, end, IntervalPolicy(on_unsettled, settle, on_expired))

    def _of(self, bot_name: str | None) -> AgentXHook:
        return AgentXHook(self.agentx_conn_id, bot_name=bot_name) if bot_name else self
