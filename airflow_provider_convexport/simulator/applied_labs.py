"""Applied Labs: endpoints, record shapes and errors, after https://appliedlabs.ai/docs/api/v2026-04/."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, NoReturn, get_args
from urllib.parse import urlencode

from airflow_provider_convexport.simulator.api_keys import bearer_token
from airflow_provider_convexport.simulator.applied_labs_living import living_conversation
from airflow_provider_convexport.simulator.applied_labs_scenes import (
    conversation_shape,
    conversation_values,
    message_template,
    resolution_of,
)
from airflow_provider_convexport.simulator.cursors import Cursor, requested_cursor
from airflow_provider_convexport.simulator.dataset import MAX_MESSAGES, VARIANTS
from airflow_provider_convexport.simulator.filters import exact_filter
from airflow_provider_convexport.simulator.http_messages import ApiError, ApiRequest, ApiResponse
from airflow_provider_convexport.simulator.identifiers import uuid_text
from airflow_provider_convexport.simulator.json_templates import compact_json, quoted, slot, template
from airflow_provider_convexport.simulator.limits import Limit
from airflow_provider_convexport.simulator.pagination import RECORDS, cursor_page, list_response
from airflow_provider_convexport.simulator.parameters import check_uuid, instant, integer, single_values
from airflow_provider_convexport.simulator.people import AGENTS, agent_of, contact_of
from airflow_provider_convexport.simulator.record_store import RecordQuery, Stream
from airflow_provider_convexport.simulator.sample_values import EDGE_CASES, TEXTS
from airflow_provider_convexport.simulator.scenes import order_of
from airflow_provider_convexport.simulator.times import DAY, SECOND, naive_text, whole_second
from airflow_provider_convexport.simulator.vendor_api import Endpoint, VendorApi, VendorSettings, switch

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_convexport.simulator.dataset import Conversation

_NAME: Final = "applied_labs"
_MAX_WINDOW: Final = 30 * DAY
_MAX_PAGE_SIZE: Final = 100
_DEFAULT_PAGE_SIZE: Final = 10
_KEY_ERRORS: Final = {
    "missing": "Authentication credentials were not provided.", "wrong": "Invalid API key."
}  # fmt: skip
_RANGES: Final = {"created_at__range": "created_at", "last_message_at__range": "last_message_at"}
_IDS: Final = ("agent_id", "contact_id", "id", "id__in", "contact_id__in")
_RESOLUTIONS: Final = ("hard", "soft", "escalated", "human", "merged", None, "", "absent")
_TYPES: Final = (
    "phone_call", "web_call", "web_call_demo", "video_call", "web_chat", "email", "sms", "comments", "form",
)  # fmt: skip
_UTC_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_RELATIVE: Final = re.compile(r"relative:-(\d{1,6})([dhm]),(?:-(\d{1,6})([dhm]))?", re.ASCII)
_UNITS: Final = {"d": DAY, "h": 3600 * SECOND, "m": 60 * SECOND}


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedLabsSettings(VendorSettings):
    """The settings of Applied Labs."""

    scope_extra: ClassVar[str | None] = "shop_id"

    key: str = switch("AL-simulated-key", "Key that Applied Labs accepts.")
    shops: tuple[str, ...] = switch(
        ("11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"),
        "Shop ids that Applied Labs knows.",
    )

    @property
    def scopes(self) -> tuple[str, ...]:
        """The shop ids."""
        return self.shops


# --- records -------------------------------------------------------------------------------------

_LIST_KEYS: Final = (
    "id", "agent_id", "contact_id", "user_id", "created_at", "updated_at", "direction", "type", "status",
    "resolution", "is_test", "remote_id", "remote_platform", "title",
)  # fmt: skip
_DETAIL_KEYS: Final = (*_LIST_KEYS, "flags", "tags", "topic", "intent", "x_future")
Part = Literal["exported", "listed", "detailed"]
_KEYS: Final[dict[Part, tuple[str, ...]]] = {"listed": _LIST_KEYS, "detailed": _DETAIL_KEYS}


def _conversation_id(conversation: Conversation) -> str:
    return uuid_text(conversation.id_bits, conversation.ordinal)


def _shape(variant: int) -> dict[str, Any]:
    """Return one of the shapes of a conversation; some lack optional keys."""
    shape: dict[str, Any] = {
        "agent_id": slot("agent"),
        "created_at": slot("created"),
        "id": slot("id"),
        "contact_id": slot("contact"),
        "user_id": None if variant % 3 else AGENTS[0],
        "updated_at": slot("updated"),
        "direction": ("inbound", "outbound")[variant % 2],
        "type": _TYPES[variant % len(_TYPES)],
        "status": ("new", "open", "pending", None, "")[variant % 5],
        "resolution": _RESOLUTIONS[variant % len(_RESOLUTIONS)],
        "is_test": variant % 7 == 0,
        "title": TEXTS[(variant * 5 + 2) % len(TEXTS)],
        "summary": TEXTS[(variant * 3) % len(TEXTS)],
        "start_time": slot("created"),
        "last_message_at": slot("last"),
        "last_message_content": TEXTS[variant % len(TEXTS)],
        "escalation_time": slot("created") if variant % 4 == 0 else None,
        "resolved_at": slot("updated") if variant % 4 == 1 else None,
        "remote_id": "zd-100%" if variant % 6 == 0 else None,
        "remote_platform": "zendesk" if variant % 6 == 0 else None,
        "flags": [{"id": AGENTS[1], "name": 'needs "review"'}] if variant % 5 == 0 else [],
        "tags": ["shipping", "späť", ""][: variant % 4],
        "topic": {"id": AGENTS[2], "name": "Delivery"} if variant % 3 else None,
        "intent": {"id": AGENTS[3], "name": "Late \\ lost"} if variant % 3 == 1 else None,
        "messages": slot("messages"),
    }
    if variant < len(EDGE_CASES):
        shape["x_future"] = EDGE_CASES[variant]
    absent = {"resolution"} if shape["resolution"] == "absent" else set()
    absent |= {"is_test", "direction"} if variant % 9 == 4 else set()
    absent |= {"escalation_time", "resolved_at", "status"} if variant % 11 == 5 else set()
    return {key: value for key, value in shape.items() if key not in absent}


def _part(part: Part, shape: dict[str, Any]) -> bytes:
    """Return those members of a conversation that an endpoint serves, as a template."""
    keys = _KEYS.get(part, tuple(shape))
    return template({key: shape[key] for key in keys if key in shape})


_HOSTILE: Final[dict[Part, tuple[bytes, ...]]] = {
    part: tuple(_part(part, _shape(variant)) for variant in range(VARIANTS)) for part in get_args(Part)
}


@cache
def _plausible_template(part: Part, key: tuple[Any, ...]) -> bytes:
    return _part(part, conversation_shape(*key))


def _plausible(part: Part, conversation: Conversation) -> tuple[bytes, dict[bytes, bytes]]:
    key, slots = conversation_values(conversation)
    return _plausible_template(part, key), slots


def _message_shape(number: int, *, text: Any) -> bytes:
    ours = number % 2 == 1
    return template(
        {
            "id": slot("id"),
            "conversation_id": slot("conversation"),
            "ticket_id": None,
            "agent_id": slot("agent") if ours else None,
            "contact_id": slot("contact"),
            "contact_remote_id": None,
            "user_id": None,
            "role": "assistant" if ours else "user",
            "type": "Internal" if number == 3 else "External",
            "format": ("TEXT", "RICH_TEXT", "HTML", "MARKDOWN")[number],
            "status": ("DELIVERED", "PENDING", None, "")[number],
            "content": text,
            "text": text,
            "remote_id": None,
            "remote_platform": None,
            "created_at": slot("created"),
            "updated_at": slot("created"),
        }
    )


_MESSAGES: Final = tuple(
    tuple(_message_shape(number, text=text) for text in TEXTS) for number in range(MAX_MESSAGES)
)


def _message(conversation: Conversation, number: int) -> bytes:
    shape = (
        _MESSAGES[number][(conversation.draws[11] + number) % len(TEXTS)]
        if conversation.hostile
        else message_template(conversation, number)
    )
    return shape % {
        b"order": order_of(conversation),
        b"id": quoted(uuid_text(conversation.id_bits ^ 0xFFFFFFFF, conversation.ordinal << 2 | number)),
        b"conversation": quoted(_conversation_id(conversation)),
        b"agent": compact_json(agent_of(conversation)),
        b"contact": quoted(contact_of(conversation)),
        b"created": _time(conversation.messages[number]),
    }


def _filled(part: Part, *, conversation: Conversation) -> bytes:
    numbers = range(len(conversation.messages) if part == "exported" else 0)
    shape, slots = (
        (_HOSTILE[part][conversation.variant], {}) if conversation.hostile else _plausible(part, conversation)
    )
    text = shape % {
        **slots,
        b"id": quoted(_conversation_id(conversation)),
        b"agent": compact_json(agent_of(conversation)),
        b"contact": quoted(contact_of(conversation)),
        b"created": _time(conversation.start),
        b"updated": _time(conversation.updated),
        b"last": b"null" if conversation.hides_last_message else _time(conversation.messages[-1]),
        b"messages": b"[%b]" % b",".join([_message(conversation, number) for number in numbers]),
    }
    return living_conversation(text, conversation)


def _time(at: int) -> bytes:
    return quoted(f"{naive_text(whole_second(at))}Z")


def _created_at(conversation: Conversation, _number: int) -> int:
    return whole_second(conversation.start)


def _last_message_at(conversation: Conversation, _number: int) -> int | None:
    return None if conversation.hides_last_message else whole_second(conversation.messages[-1])


_CONVERSATION_TIMES: Final = {"created_at": _created_at, "last_message_at": _last_message_at}
CONVERSATIONS: Final = Stream(
    vendor=_NAME,
    name="conversations",
    time_fields=_CONVERSATION_TIMES,
    render=lambda conversation, _number: _filled("exported", conversation=conversation),
)
LISTED: Final = Stream(
    vendor=_NAME,
    name="conversations_listed",
    time_fields=_CONVERSATION_TIMES,
    render=lambda conversation, _number: _filled("listed", conversation=conversation),
)
MESSAGES: Final = Stream(
    vendor=_NAME,
    name="messages",
    time_fields={
        "created_at": lambda conversation, number: whole_second(conversation.messages[number]),
        "conversation.created_at": _created_at,
        "conversation.last_message_at": _last_message_at,
    },
    render=_message,
    by_message=True,
)

# --- requests ------------------------------------------------------------------------------------

_FILTERS: Final[dict[str, Callable[[Conversation], str | None]]] = {
    "agent_id": agent_of,
    "contact_id": contact_of,
    "id": _conversation_id,
    "resolution": lambda conversation: (
        _RESOLUTIONS[conversation.variant % len(_RESOLUTIONS)]
        if conversation.hostile
        else resolution_of(conversation)
    ),
}


def _error(status: int, message: str) -> ApiResponse:
    """Return an error in the form of Django REST framework."""
    return ApiResponse.json(status, {"detail": message})


def _refuse(name: str, message: str) -> NoReturn:
    raise ApiError(ApiResponse.json(400, {name: [message]}))


def _refuse_cursor() -> NoReturn:
    raise ApiError(_error(400, "Invalid cursor."))


def _limits(request: ApiRequest) -> tuple[Limit, ...]:
    shop = request.headers.get("x-shop-id")
    if shop is None:
        _refuse("X-Shop-Id", "This header is required.")
    check_uuid("X-Shop-Id", shop, refuse=_refuse)
    if shop not in request.vendor_settings.shops:
        raise ApiError(_error(403, "You do not have access to this shop."))
    return (Limit("applied_labs 60/min", shop, 60, 60.0),)


def _window(name: str, text: str, *, as_of: int) -> tuple[int, int]:
    """Read a range parameter; the times are microseconds since the epoch."""
    low, high = _relative(text, as_of=as_of) or _absolute(name, text)
    if low >= high:
        _refuse(name, "Start must be before end.")
    if high - low > _MAX_WINDOW:
        _refuse(name, "Range must not span more than 30 days.")
    return low, high


def _relative(text: str, *, as_of: int) -> tuple[int, int] | None:
    match = _RELATIVE.fullmatch(text)
    if match is None:
        return None
    since, unit, until, until_unit = match.groups()
    high = as_of - int(until) * _UNITS[until_unit] if until else as_of
    return as_of - int(since) * _UNITS[unit], high


def _absolute(name: str, text: str) -> tuple[int, int]:
    ends = text.split(",")
    if len(ends) != 2 or not all(_UTC_TIME.fullmatch(end) for end in ends):
        _refuse(name, "Must be START,END with times such as 2026-05-02T00:00:00Z.")
    return instant(name, ends[0], refuse=_refuse), instant(name, ends[1], refuse=_refuse)


def _check_filter(name: str, value: str) -> None:
    if not name.startswith("resolution"):
        check_uuid(name, value, refuse=_refuse)
    elif value not in _RESOLUTIONS[:5]:
        _refuse(name, f'"{value}" is not one of the available choices.')


def _range(cursor: Cursor, *, ranges: tuple[str, ...], required: bool) -> tuple[str, int, int]:
    """Return the field and the window that the range parameters name."""
    given = [name for name in ranges if name in cursor.params]
    if len(given) > 1:
        _refuse(given[1], f"Cannot be combined with {given[0]}.")
    if not given and required:
        _refuse(ranges[0], "A range is required.")
    if not given:
        return "created_at", 0, cursor.as_of + 1
    return _RANGES[given[0]], *_window(given[0], cursor.params[given[0]], as_of=cursor.as_of)


def _list(request: ApiRequest, *, stream: Stream, ranges: tuple[str, ...], newest_first: bool) -> ApiResponse:
    known = frozenset(("cursor", "limit", "resolution", "resolution__in", *_IDS, *ranges))
    params = single_values(request, known=known, refuse=_refuse)
    token, shop = params.pop("cursor", None), request.headers["x-shop-id"]
    cursor = requested_cursor(
        request, token, scope=shop, params=params, params_required=False, refuse=_refuse_cursor
    )
    field, low, high = _range(cursor, ranges=ranges, required=not newest_first)
    keep = exact_filter(cursor.params, fields=_FILTERS, check=_check_filter)
    query = RecordQuery(stream, shop, field, low, high, descending=newest_first, keep=keep)
    limit = cursor.params.get("limit", str(_DEFAULT_PAGE_SIZE))
    size = integer("limit", limit, minimum=1, maximum=_MAX_PAGE_SIZE, refuse=_refuse)
    page = cursor_page(request, query, cursor=cursor, size=size)
    links = {"next": _link(request, page.following), "previous": _link(request, page.preceding)}
    return list_response(request, page.records, links | {"results": RECORDS})


def _link(request: ApiRequest, token: str | None) -> str | None:
    return None if token is None else request.link(urlencode({"cursor": token}))


_export = partial(_list, stream=CONVERSATIONS, ranges=tuple(_RANGES), newest_first=False)
_list_newest = partial(_list, stream=LISTED, ranges=("created_at__range",), newest_first=True)


def _get(request: ApiRequest) -> ApiResponse:
    single_values(request, known=frozenset(), refuse=_refuse)
    text, shop = request.path_params["id"], request.headers["x-shop-id"]
    check_uuid("id", text, refuse=_refuse)
    found = request.conversation(int(text[-12:], 16), vendor=_NAME, scope=shop)
    if found is None or _conversation_id(found) != text:
        raise ApiError(_error(404, "Not found."))
    return ApiResponse(200, _filled("detailed", conversation=found), records=1)


API: Final = VendorApi(
    name=_NAME,
    title="Applied Labs",
    prefix="/v2026-04/",
    settings=AppliedLabsSettings,
    endpoints=(
        Endpoint("export", "/v2026-04/conversations/export/", _export),
        Endpoint("list", "/v2026-04/conversations/", _list_newest),
        Endpoint("get", "/v2026-04/conversations/{id}/", _get),
    ),
    streams={stream.name: stream for stream in (CONVERSATIONS, LISTED, MESSAGES)},
    key=bearer_token,
    unauthorized=lambda credential: _error(401, _KEY_ERRORS[credential]),
    limits=_limits,
    error=_error,
    redirect_to_slash=True,
)
