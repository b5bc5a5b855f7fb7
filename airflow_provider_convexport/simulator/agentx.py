"""AgentX Support by Workato: endpoints, record shapes and errors of its Export API."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, NoReturn

from airflow_provider_convexport.simulator.agentx_living import living_conversation
from airflow_provider_convexport.simulator.agentx_scenes import conversation_template, message_template
from airflow_provider_convexport.simulator.api_keys import header
from airflow_provider_convexport.simulator.cursors import requested_cursor
from airflow_provider_convexport.simulator.dataset import LOOKBACK_DAYS, MAX_MESSAGES, VARIANTS
from airflow_provider_convexport.simulator.http_messages import ApiError, ApiRequest, ApiResponse
from airflow_provider_convexport.simulator.json_templates import Raw, slot, template
from airflow_provider_convexport.simulator.limits import Limit
from airflow_provider_convexport.simulator.pagination import RECORDS, cursor_page, list_response
from airflow_provider_convexport.simulator.parameters import integer, single_values
from airflow_provider_convexport.simulator.record_store import RecordQuery, Stream
from airflow_provider_convexport.simulator.sample_values import EDGE_CASES, TEXTS
from airflow_provider_convexport.simulator.scenes import order_of
from airflow_provider_convexport.simulator.times import DAY, SECOND, naive_text, whole_second
from airflow_provider_convexport.simulator.vendor_api import Endpoint, VendorApi, VendorSettings, switch

if TYPE_CHECKING:
    from airflow_provider_convexport.simulator.dataset import Conversation

_NAME: Final = "agentx"
_MAX_PAGE_SIZE: Final = 1000
_DEFAULT_PAGE_SIZE: Final = 100
_LATEST_TIME: Final = 253_402_300_799
_MILLISECOND: Final = 1000
_REQUIRED: Final = ("start_time", "end_time", "bot_name")


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentXSettings(VendorSettings):
    """The settings of AgentX."""

    scope_extra: ClassVar[str | None] = "bot_name"

    key: str = switch("agentx-simulated-key", "Key that AgentX accepts.")
    bots: tuple[str, ...] = switch(("support-bot", "sales-bot"), "Bots that AgentX knows.")
    max_window_days: int | None = switch(None, "Longest window that AgentX accepts.")
    conversation_filter: Literal["startTime", "lastActionAt", "overlap"] = switch(
        "startTime", "Field by which the window of AgentX selects conversations, or both of them."
    )
    unknown_bot_is_empty: bool = switch(False, "AgentX answers an unknown bot with no records.")

    @property
    def scopes(self) -> tuple[str, ...]:
        """The bots."""
        return self.bots


# --- records -------------------------------------------------------------------------------------


def _conversation_id(conversation: Conversation) -> bytes:
    bits = conversation.id_bits
    return b"%012x%08x%012x" % (bits, bits * 2654435761 & 0xFFFFFFFF, conversation.ordinal)


def _message_id(conversation: Conversation, number: int) -> bytes:
    """Return an id in one of the two forms that occur in the vendor's sample."""
    bits, tail = conversation.id_bits ^ 0xFFFFFFFF, conversation.ordinal << 2 | number
    if (conversation.variant + number) % 2:
        return b"%012x4b0b8c0c%012x" % (bits, tail)
    return b"%08x-%04x-4b0b-8c0c-%012x" % (bits >> 16, bits & 0xFFFF, tail)


def _metadata(variant: int) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "locale": "en_us",
        "browser_visitorType": ("new", "repeat")[variant % 2],
        "browser_screenResolution": "1920x1080",
        "browser_localTime": slot("local"),
        "draft": variant % 6 == 0,
        "question": TEXTS[variant % len(TEXTS)],
        "transcript": "User:\tWhere is my parcel?\nBot:\tOn its way, 100%.",
        "guideNodeCount": Raw(("3", "3.0", "0", "1E1")[variant % 4]),
    }
    if variant % 3 == 0:
        metadata["__sys_userAgentParsed"] = {"browser": {"name": "Firefox", "major": "130"}, "os": None}
    if variant < len(EDGE_CASES):
        metadata[f"custom {variant}"] = EDGE_CASES[variant]
    return metadata


def _conversation_shape(variant: int) -> bytes:
    shape = {
        "_id": slot("id"),
        "startTime": slot("start"),
        "locale": ("en_us", "de_de", "ja_jp")[variant % 3],
        "metadata": _metadata(variant),
        "tags": ["guideInteraction", "resolved", "informed", "liveChat"][: variant % 5],
        "userMessageCount": slot("count"),
        "lastActionAt": slot("last"),
    }
    absent = {"tags"} if variant % 10 == 5 else set()
    return template({key: value for key, value in shape.items() if key not in absent})


def _message_shape(number: int, *, text: Any, kind: int) -> bytes:
    options = {"options": [{"txt": "Track"}, {"txt": "Return"}]} if kind % 3 == 0 else {}
    head: dict[str, Any] = {"conversationId": slot("conversation"), "_id": slot("id")}
    if number % 2 == 0:
        steps = (
            [{"text": text}, {"card": EDGE_CASES[kind % len(EDGE_CASES)]}]
            if kind % 4 == 1
            else [{"text": text}]
        )
        out = {"outMsg": {"steps": steps} | options}
        kinds = ("Question", "BotMessage", "faq")
        return template({"type": kinds[kind % 3], "time": slot("time")} | out | head)
    body = {"userInput": text if kind % 8 else {"form": {"email": "a@example.com", "order": Raw("1.10")}}}
    action = {"userActionType": "action_userQuickReply"} if kind % 2 else {}
    return template(head | {"time": slot("time"), "type": "UserInput"} | body | action)


_CONVERSATIONS: Final = tuple(_conversation_shape(variant) for variant in range(VARIANTS))
_MESSAGES: Final = tuple(
    tuple(_message_shape(number, text=text, kind=kind) for kind, text in enumerate(TEXTS))
    for number in range(MAX_MESSAGES)
)


def _start_time(conversation: Conversation, _number: int = 0) -> int:
    """Return the time of the beginning: in whole seconds, or for one of sixteen in milliseconds."""
    unit = _MILLISECOND if conversation.draws[5] % 16 == 0 else SECOND
    return conversation.start - conversation.start % unit


def _last_action_at(conversation: Conversation, _number: int = 0) -> int:
    last = conversation.messages[-1]
    return whole_second(last) if conversation.draws[6] % 4 == 0 else last


def _message_time(conversation: Conversation, number: int) -> int:
    """Return the time of sending: in whole seconds or milliseconds; just before midnight in microseconds."""
    at = conversation.messages[number]
    if (at + 1) % DAY == 0:
        return at
    unit = SECOND if (conversation.draws[3] + number) % 3 == 0 else _MILLISECOND
    return at - at % unit


def _epoch(at: int) -> bytes:
    seconds, fraction = divmod(at, SECOND)
    if fraction % _MILLISECOND:
        return b"%d.%06d" % (seconds, fraction)
    return b"%d.%03d" % (seconds, fraction // _MILLISECOND) if fraction else b"%d" % seconds


def _conversation(conversation: Conversation, _number: int) -> bytes:
    shape, slots = (
        (_CONVERSATIONS[conversation.variant], {})
        if conversation.hostile
        else conversation_template(conversation)
    )
    text = shape % {
        **slots,
        b"id": b'"%b"' % _conversation_id(conversation),
        b"start": _epoch(_start_time(conversation)),
        b"local": b"%d" % (conversation.messages[-1] // _MILLISECOND),
        b"count": b"%d" % (len(conversation.messages) // 2),
        b"last": b'"%b"' % naive_text(_last_action_at(conversation)).encode(),
    }
    return living_conversation(text, conversation)


def _message(conversation: Conversation, number: int) -> bytes:
    shape = (
        _MESSAGES[number][(conversation.draws[11] + number) % len(TEXTS)]
        if conversation.hostile
        else message_template(conversation, number)
    )
    return shape % {
        b"order": order_of(conversation),
        b"id": b'"%b"' % _message_id(conversation, number),
        b"time": _epoch(_message_time(conversation, number)),
        b"conversation": b'"%b"' % _conversation_id(conversation),
    }


CONVERSATIONS: Final = Stream(
    vendor=_NAME,
    id_field="_id",
    name="conversations",
    time_fields={"startTime": _start_time, "lastActionAt": _last_action_at},
    render=_conversation,
)
MESSAGES: Final = Stream(
    vendor=_NAME,
    id_field="_id",
    name="messages",
    time_fields={"time": _message_time},
    render=_message,
    by_message=True,
)

# --- requests ------------------------------------------------------------------------------------


def _error(status: int, message: str) -> ApiResponse:
    """Return an error in the form of Amazon's API Gateway."""
    return ApiResponse.json(status, {"message": message})


def _refuse(name: str, message: str) -> NoReturn:
    raise ApiError(_error(400, f"{name}: {message}"))


def _refuse_cursor() -> NoReturn:
    _refuse("cursor", "Invalid cursor.")


def _limits(request: ApiRequest) -> tuple[Limit, ...]:
    return (Limit("agentx 3/s", request.endpoint, 3, 1.0),)


def _window(settings: AgentXSettings, params: dict[str, str]) -> tuple[int, int]:
    start, end = (
        integer(name, params[name], minimum=0, maximum=_LATEST_TIME, refuse=_refuse) * SECOND
        for name in ("start_time", "end_time")
    )
    if start >= end:
        _refuse("end_time", "Must be after start_time.")
    longest = settings.max_window_days
    if longest is not None and end - start > longest * DAY:
        _refuse("end_time", f"Must not be more than {longest} days after start_time.")
    return start, end


def _params(request: ApiRequest, *, further: frozenset[str]) -> dict[str, str]:
    known = frozenset((*_REQUIRED, "per_page", "cursor")) | further
    params = single_values(request, known=known, refuse=_refuse)
    for name in _REQUIRED:
        if not params.get(name):
            _refuse(name, "Is required.")
    settings: AgentXSettings = request.vendor_settings
    if params["bot_name"] not in settings.bots and not settings.unknown_bot_is_empty:
        _refuse("bot_name", "Unknown bot.")
    return params


def _overlapping(request: ApiRequest, query: RecordQuery) -> RecordQuery:
    """Return a query for the conversations that began before the window's end and ended after its start."""
    first = query.low if request.settings.lower_inclusive else query.low + 1
    return replace(
        query,
        field="startTime",
        low=query.low - LOOKBACK_DAYS * DAY,
        keep=lambda found: _last_action_at(found) >= first,
    )


def _list(
    request: ApiRequest, *, stream: Stream, field: str, further: frozenset[str] = frozenset()
) -> ApiResponse:
    params = _params(request, further=further)
    token, bot = params.pop("cursor", None), params["bot_name"]
    low, high = _window(request.vendor_settings, params)
    size_text = params.get("per_page", str(_DEFAULT_PAGE_SIZE))
    size = integer("per_page", size_text, minimum=1, maximum=_MAX_PAGE_SIZE, refuse=_refuse)
    cursor = requested_cursor(
        request, token, scope=bot, params=params, params_required=True, refuse=_refuse_cursor
    )
    if bot not in request.vendor_settings.bots:
        return list_response(request, [], {"data": RECORDS, "cursor": None})
    wanted = params.get("conversation_id")
    keep = None if wanted is None else lambda found: _conversation_id(found) == wanted.encode()
    query = RecordQuery(stream, scope=bot, field=field, low=low, high=high, keep=keep)
    if field == "overlap":
        query = _overlapping(request, query)
    page = cursor_page(request, query, cursor=cursor, size=size)
    return list_response(request, page.records, {"data": RECORDS, "cursor": page.following})


def _list_conversations(request: ApiRequest) -> ApiResponse:
    return _list(request, stream=CONVERSATIONS, field=request.vendor_settings.conversation_filter)


def _list_messages(request: ApiRequest) -> ApiResponse:
    return _list(request, stream=MESSAGES, field="time", further=frozenset(("conversation_id",)))


API: Final = VendorApi(
    name=_NAME,
    title="AgentX",
    prefix="/conversations/export/v1/",
    settings=AgentXSettings,
    endpoints=(
        Endpoint("conversations", "/conversations/export/v1/conversations", _list_conversations),
        Endpoint("messages", "/conversations/export/v1/messages", _list_messages),
    ),
    streams={stream.name: stream for stream in (CONVERSATIONS, MESSAGES)},
    key=header("x-api-key"),
    unauthorized=lambda _credential: _error(403, "Forbidden"),
    limits=_limits,
    error=_error,
)
