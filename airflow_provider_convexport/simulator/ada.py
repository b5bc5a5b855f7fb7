"""Ada: endpoints, record shapes and errors of the Data Export API v2, after https://docs.ada.cx/reference."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, NoReturn
from urllib.parse import urlencode

from airflow_provider_convexport.simulator.ada_living import living_conversation, living_message
from airflow_provider_convexport.simulator.ada_scenes import conversation_template, message_template
from airflow_provider_convexport.simulator.api_keys import bearer_token
from airflow_provider_convexport.simulator.dataset import MAX_MESSAGES, VARIANTS
from airflow_provider_convexport.simulator.http_messages import ApiError, ApiRequest, ApiResponse
from airflow_provider_convexport.simulator.identifiers import object_id
from airflow_provider_convexport.simulator.json_templates import quoted, slot, template
from airflow_provider_convexport.simulator.limits import Limit
from airflow_provider_convexport.simulator.pagination import RECORDS, bound_page, list_response
from airflow_provider_convexport.simulator.parameters import instant, integer, single_values
from airflow_provider_convexport.simulator.record_store import RecordQuery, Stream
from airflow_provider_convexport.simulator.sample_values import EDGE_CASES, TEXTS
from airflow_provider_convexport.simulator.scenes import order_of
from airflow_provider_convexport.simulator.times import DAY, SECOND, naive_text, whole_second
from airflow_provider_convexport.simulator.vendor_api import Endpoint, VendorApi, VendorSettings, switch

if TYPE_CHECKING:
    from airflow_provider_convexport.simulator.dataset import Conversation

_NAME: Final = "ada"
_MAX_WINDOW: Final = 60 * DAY
_DEFAULT_WINDOW: Final = 7 * DAY
_MIN_PAGE_SIZE: Final = 100
_MAX_PAGE_SIZE: Final = 10_000
_FIELDS: Final = {"created": "date_created", "updated": "date_updated"}
_CREATED: Final = ("created_since", "created_to", "page_size")
_UTC_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", re.ASCII)
_PARTICIPANTS: Final = ("ada", "bot", "agent")
_EMPTIED: Final = "000"
"""Additional digits of the bound in a link; they show that the page with the link was made empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaSettings(VendorSettings):
    """The settings of Ada."""

    key: str = switch("ada-simulated-key", "Key that Ada accepts.")
    list_key: Literal["data", "items"] = switch("data", "Name of Ada's list of records.")
    history_days: int | None = switch(None, "Refuse an Ada window that starts longer ago than this.")


# --- records -------------------------------------------------------------------------------------


def _conversation_id(conversation: Conversation) -> bytes:
    return quoted(object_id(conversation.id_bits, conversation.ordinal))


def _chatter(conversation: Conversation) -> bytes:
    return b'"66b0c0ffee%014x"' % (conversation.draws[4] % 300)


def _agents(variant: int) -> dict[str, Any]:
    count = variant % 3
    ids = [f"66b0a6e17000000000000{number:03d}" for number in range(count)]
    names = ["Zoë", 'Max "the" Agent'][:count]
    latest = {"last_agent_id": ids[-1] if ids else None, "last_agent_name": names[-1] if names else None}
    return {"agent_id": ids, "agent_name": names} | (latest if variant % 8 else {})


def _satisfaction(variant: int) -> dict[str, Any] | None:
    if variant % 3:
        return {} if variant % 3 == 1 else None
    return {
        "style": "EMOJI",
        "survey_type": "end_chat",
        "score": variant % 5 + 1,
        "is_positive": variant % 5 > 1,
        "comment": TEXTS[variant % len(TEXTS)],
        "feedback": None,
        "resolved": None,
        "customer_effort_score": None,
        "ces_max": None,
        "net_promoter_score": None,
    }


def _topics(variant: int) -> dict[str, Any]:
    known = variant % 4 == 0
    intents = [{"intent_id": "i1", "intent_name": "Return window", "status": "active"}]
    return {
        "classifications": [{"topic_id": "t1", "topic_name": "Returns", "intents": intents}] if known else [],
        "generated_topic_id": "66b0704c0000000000000001" if known else None,
        "generated_topic_label": "Returns" if known else None,
        "generated_topic_v2_id": "t2" if known else None,
        "generated_topic_v2_title": "Returns & refunds" if known else None,
        "generated_topic_v2_desc": "" if known else None,
        "generated_topic_v2_parent_id": None,
    }


def _uses(variant: int) -> dict[str, Any]:
    article = {"id": "a1", "name": "How to return", "url": "https://help.example.com/1?a=%20", "source": None}
    playbook = {"id": "p1", "name": "Return", "playbook_execution_id": None, "outcome_status": "done"}
    coaching = {
        "id": "c1",
        "entity_name": None,
        "coaching_type": "tone",
        "coaching_instructions": 'Say "please"',
        "coaching_intent": None,
    }
    return {
        "used_articles": [article] if variant % 5 == 0 else [],
        "used_coaching": [coaching] if variant % 5 == 1 else [],
        "used_playbooks": [playbook] if variant % 5 == 2 else [],
    }


def _conversation_shape(variant: int) -> bytes:
    odd = {"odd": EDGE_CASES[variant]} if variant < len(EDGE_CASES) else {}
    shape = (
        _agents(variant)
        | {
            "_id": slot("id"),
            "agent_handle_time": 31.25 if variant % 3 else None,
            "automated_resolution_classification": ("Resolved", "Not Resolved")[variant % 2],
            "automated_resolution_classification_reason": TEXTS[(variant * 3) % len(TEXTS)],
            "bot_handle_time": 12.5 + variant,
            "browser": "firefox",
            "browser_version": "130.0",
            "chatter_id": slot("chatter"),
            "csat": _satisfaction(variant),
            "date_created": slot("created"),
            "date_updated": slot("updated"),
            "device": "linux",
            "end_user_id": None if variant % 2 else "user-%s",
            "inquiry_summary": TEXTS[variant % len(TEXTS)] if variant % 6 else None,
            "is_engaged": variant % 2 == 0,
            "is_escalated": variant % 4 == 1,
            "is_test_user": variant % 7 == 0,
            "language": ("en", "de", "ja")[variant % 3],
            "metavariables": {"browser": "firefox", "test_user": variant} | odd,
            "oauth_channel": None if variant % 4 else "sso",
            "platform": "chat",
            "record_last_updated": ({}, None, slot("recorded"))[variant % 3],
            "variables": {"order_number": "77", "café": None} | odd,
            "changeset_id": "baseline",
        }
        | _topics(variant)
        | _uses(variant)
    )
    return template(shape)


def _message_shape(number: int, *, text: Any, kind: int) -> bytes:
    data: tuple[dict[str, Any], ...] = (
        {"_type": "text", "body": text, "has_variables": False, "reviewable_message": False},
        {"_type": "quick_replies", "body": text, "quick_replies": [{"label": "Yes"}, {"label": "100%"}]},
        {
            "_type": "meta",
            "meta_message_type": "variable_change",
            "changes": EDGE_CASES[kind % len(EDGE_CASES)],
        },
        {"_type": "picture", "url": "https://cdn.example.com/p.png", "caption": None},
    )
    ours = number % 2 == 1
    shape = {
        "_id": slot("id"),
        "conversation_id": slot("conversation"),
        "chatter_id": slot("chatter") if kind % 3 else None,
        "answer_id": "None" if ours else None,
        "answer_title": None,
        "date_created": slot("created"),
        "record_last_updated": slot("recorded"),
        "link_was_clicked": (None, False, True)[kind % 3],
        "message_data": data[min(kind % 7, 3) if kind % 7 else 0],
        "recipient": slot("chatter") if ours else "ada",
        "sender": _PARTICIPANTS[kind % len(_PARTICIPANTS)] if ours else slot("chatter"),
        "review": kind % 2,
        "in_response_to": slot("before"),
    }
    return template(shape if kind % 5 else {key: shape[key] for key in shape if key != "in_response_to"})


_CONVERSATIONS: Final = tuple(_conversation_shape(variant) for variant in range(VARIANTS))
_MESSAGES: Final = tuple(
    tuple(_message_shape(number, text=text, kind=kind) for kind, text in enumerate(TEXTS))
    for number in range(MAX_MESSAGES)
)


def _conversation(conversation: Conversation, _number: int) -> bytes:
    shape, slots = (
        (_CONVERSATIONS[conversation.variant], {b"recorded": _offset_time(conversation.updated + 5 * SECOND)})
        if conversation.hostile
        else conversation_template(conversation)
    )
    text = shape % {
        **slots,
        b"id": _conversation_id(conversation),
        b"chatter": _chatter(conversation),
        b"created": quoted(naive_text(whole_second(conversation.start))),
        b"updated": quoted(naive_text(whole_second(conversation.updated))),
    }
    return living_conversation(text, conversation)


def _message_id(conversation: Conversation, number: int) -> bytes:
    return quoted(object_id(conversation.id_bits ^ 0xFFFFFFFF, conversation.ordinal << 2 | number))


def _message(conversation: Conversation, number: int) -> bytes:
    at = conversation.messages[number]
    shape = (
        _MESSAGES[number][(conversation.draws[11] + number) % len(TEXTS)]
        if conversation.hostile
        else message_template(conversation, number)
    )
    text = shape % {
        b"order": order_of(conversation),
        b"id": _message_id(conversation, number),
        b"conversation": _conversation_id(conversation),
        b"chatter": _chatter(conversation),
        b"created": _offset_time(at),
        b"recorded": _offset_time(at + 3 * SECOND),
        b"before": _message_id(conversation, number - 1) if number else b"null",
    }
    return living_message(text, conversation, number)


def _offset_time(at: int) -> bytes:
    return b'"%b.%06d+00:00"' % (naive_text(whole_second(at)).encode(), at % SECOND)


CONVERSATIONS: Final = Stream(
    vendor=_NAME,
    id_field="_id",
    name="conversations",
    time_fields={
        "date_created": lambda conversation, _number: whole_second(conversation.start),
        "date_updated": lambda conversation, _number: whole_second(conversation.updated),
    },
    render=_conversation,
)
MESSAGES: Final = Stream(
    vendor=_NAME,
    id_field="_id",
    name="messages",
    time_fields={"date_created": lambda conversation, number: conversation.messages[number]},
    render=_message,
    by_message=True,
)

# --- requests ------------------------------------------------------------------------------------


def _error(status: int, message: str) -> ApiResponse:
    """Return an error in the form of all of Ada's APIs."""
    kinds = {401: "unauthorized", 403: "forbidden", 404: "not_found", 429: "too_many_requests"}
    kind = kinds.get(status, "internal_error" if status >= 500 else "bad_request")
    return ApiResponse.json(status, {"errors": [{"type": kind, "message": message, "details": None}]})


def _refuse(name: str, message: str) -> NoReturn:
    detail = {"parameter": f"$.{name}", "location": "query", "message": message}
    error = {"type": "validation_error", "message": "Bad query.", "details": [detail]}
    raise ApiError(ApiResponse.json(400, {"errors": [error]}))


def _limits(request: ApiRequest) -> tuple[Limit, ...]:
    return (
        Limit("ada 10/s", request.endpoint, 10, 1.0),
        Limit("ada 100/min", "instance", 100, 60.0),
        Limit("ada 15000/day", "instance", 15_000, 86_400.0),
    )


def _bound(request: ApiRequest, name: str, text: str) -> int:
    """Read a bound: a time with ``Z``, or with ``+00:00`` if it is spelled exactly as in a next link."""
    if not request.pagination.is_issued(text) and not _UTC_TIME.fullmatch(text):
        _refuse(name, "Must be an ISO 8601 UTC timestamp ending with 'Z'.")
    return instant(name, text, refuse=_refuse)


def _pair(params: dict[str, str]) -> str:
    """Return which pair of bounds is used, ``created`` or ``updated``."""
    pairs = {name.partition("_")[0] for name in params if name.endswith(("_since", "_to"))}
    if len(pairs) > 1:
        _refuse("updated_since", "created_* and updated_* are mutually exclusive.")
    pair = pairs.pop() if pairs else "created"
    if f"{pair}_since" not in params:
        _refuse(f"{pair}_since", "Is required.")
    return pair


def _window(request: ApiRequest, params: dict[str, str], *, pair: str) -> tuple[int, int]:
    since, to = f"{pair}_since", f"{pair}_to"
    low = _bound(request, since, params[since])
    high = _bound(request, to, params[to]) if to in params else low + _DEFAULT_WINDOW
    if low >= high and not request.pagination.is_issued(params[since]):
        _refuse(to, f"Must be after {since}.")
    if high - low > _MAX_WINDOW:
        _refuse(to, f"Must not be more than 60 days after {since}.")
    history = request.vendor_settings.history_days
    if history is not None and low < request.now - history * DAY:
        _refuse(since, f"Must not be more than {history} days ago.")
    return low, high


def _list(request: ApiRequest, *, stream: Stream, known: tuple[str, ...]) -> ApiResponse:
    params = single_values(request, known=frozenset(known), refuse=_refuse)
    size_text = params.get("page_size", str(_MAX_PAGE_SIZE))
    size = integer("page_size", size_text, minimum=_MIN_PAGE_SIZE, maximum=_MAX_PAGE_SIZE, refuse=_refuse)
    pair = _pair(params)
    low, high = _window(request, params, pair=pair)
    wanted = params.get("conversation_id")
    keep = None if wanted is None else lambda found: _conversation_id(found) == quoted(wanted)
    query = RecordQuery(stream, scope="", field=_FIELDS[pair], low=low, high=high, keep=keep)
    since = params[f"{pair}_since"]
    follows_emptied = since.endswith(f"{_EMPTIED}+00:00") and request.pagination.is_issued(since)
    page = bound_page(request, query, size=size, may_be_emptied=not follows_emptied)
    link = None
    if page.next_low is not None:
        bounds = (_spelled(page.next_low, mark=_EMPTIED if page.emptied else ""), _spelled(high))
        link = _link(request, params, pair=pair, bounds=bounds)
    members = {request.vendor_settings.list_key: RECORDS, "meta": {"next_page_uri": link}}
    return list_response(request, page.records, members)


def _spelled(at: int, *, mark: str = "") -> str:
    fraction = f".{at % SECOND:06d}{mark}" if at % SECOND or mark else ""
    return f"{naive_text(whole_second(at))}{fraction}+00:00"


def _link(request: ApiRequest, params: dict[str, str], *, pair: str, bounds: tuple[str, str]) -> str:
    """Return a link with the window alone; like the vendor's, it has neither page size nor cursor."""
    for bound in bounds:
        request.pagination.issue(bound)
    query = {f"{pair}_since": bounds[0], f"{pair}_to": bounds[1]}
    if "conversation_id" in params:
        query["conversation_id"] = params["conversation_id"]
    return request.link(urlencode(query))


_list_conversations = partial(_list, stream=CONVERSATIONS, known=(*_CREATED, "updated_since", "updated_to"))
_list_messages = partial(_list, stream=MESSAGES, known=(*_CREATED, "conversation_id"))

API: Final = VendorApi(
    name=_NAME,
    title="Ada",
    prefix="/api/v2/",
    settings=AdaSettings,
    endpoints=(
        Endpoint("conversations", "/api/v2/export/conversations", _list_conversations),
        Endpoint("messages", "/api/v2/export/messages", _list_messages),
    ),
    streams={stream.name: stream for stream in (CONVERSATIONS, MESSAGES)},
    key=bearer_token,
    unauthorized=lambda _credential: _error(401, "The key is missing or wrong."),
    limits=_limits,
    error=_error,
    shown_limit="ada 100/min",
)
