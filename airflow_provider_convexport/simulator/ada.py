"""Ada: endpoints, record shapes and errors of the Data Export API v2, after https://docs.ada.cx/reference."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NoReturn
from urllib.parse import urlencode

from airflow_provider_convexport.simulator.archive import START, Selection, Stream
from airflow_provider_convexport.simulator.dataset import DAY, SECOND, VARIANTS
from airflow_provider_convexport.simulator.fragments import ODDITIES, TEXTS, slot, template
from airflow_provider_convexport.simulator.limits import Limit
from airflow_provider_convexport.simulator.vendor import (
    Answer,
    Call,
    Endpoint,
    Refusal,
    Vendor,
    clipped,
    compared,
    encoded,
    microseconds,
    naive_text,
    single,
    whole_second,
)

if TYPE_CHECKING:
    from airflow_provider_convexport.simulator.archive import Page
    from airflow_provider_convexport.simulator.dataset import Conversation
    from airflow_provider_convexport.simulator.journal import Credential
    from airflow_provider_convexport.simulator.settings import SimulatorSettings

_NAME: Final = "ada"
_WINDOW_AT_MOST: Final = 60 * DAY
_WINDOW_USUALLY: Final = 7 * DAY
_PAGE_AT_LEAST: Final = 100
_PAGE_AT_MOST: Final = 10_000
_FIELDS: Final = {"created": "date_created", "updated": "date_updated"}
_ZULU: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", re.ASCII)
_PARTICIPANTS: Final = ("ada", "bot", "agent")
_EMPTY_PAGE_MARK: Final = "000"
"""Superfluous digits by which a link tells that the page before it was empty."""

# --- records -------------------------------------------------------------------------------------


def _object_id(mark: int, ordinal: int) -> bytes:
    return b'"%012x%012x"' % (mark, ordinal)


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
    odd = {"odd": ODDITIES[variant]} if variant < len(ODDITIES) else {}
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
        {"_type": "quick_replies", "body": text, "quick_replies": [{"title": "Yes"}, {"title": "100%"}]},
        {"_type": "meta", "meta_message_type": "variable_change", "changes": ODDITIES[kind % len(ODDITIES)]},
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
    for number in range(4)
)


def _conversation(conversation: Conversation, _number: int) -> bytes:
    return _CONVERSATIONS[conversation.variant] % {
        b"id": _object_id(conversation.mark, conversation.ordinal),
        b"chatter": _chatter(conversation),
        b"created": b'"%b"' % naive_text(whole_second(conversation.start)).encode(),
        b"updated": b'"%b"' % naive_text(whole_second(conversation.updated)).encode(),
        b"recorded": _offset_time(conversation.updated + 5 * SECOND),
    }


def _message_id(conversation: Conversation, number: int) -> bytes:
    return _object_id(conversation.mark ^ 0xFFFFFFFF, conversation.ordinal << 2 | number)


def _message(conversation: Conversation, number: int) -> bytes:
    at = conversation.messages[number]
    return _MESSAGES[number][(conversation.draws[11] + number) % len(TEXTS)] % {
        b"id": _message_id(conversation, number),
        b"conversation": _object_id(conversation.mark, conversation.ordinal),
        b"chatter": _chatter(conversation),
        b"created": _offset_time(at),
        b"recorded": _offset_time(at + 3 * SECOND),
        b"before": _message_id(conversation, number - 1) if number else b"null",
    }


def _offset_time(at: int) -> bytes:
    return b'"%b.%06d+00:00"' % (naive_text(whole_second(at)).encode(), at % SECOND)


CONVERSATIONS: Final = Stream(
    vendor=_NAME,
    name="conversations",
    moments={
        "date_created": lambda conversation, _number: whole_second(conversation.start),
        "date_updated": lambda conversation, _number: whole_second(conversation.updated),
    },
    render=_conversation,
)
MESSAGES: Final = Stream(
    vendor=_NAME,
    name="messages",
    moments={"date_created": lambda conversation, number: conversation.messages[number]},
    render=_message,
    by_message=True,
)

# --- requests ------------------------------------------------------------------------------------


def failure(status: int, message: str) -> Answer:
    """Return an error of Ada's platform-wide shape."""
    kinds = {401: "unauthorized", 403: "forbidden", 404: "not_found", 429: "too_many_requests"}
    kind = kinds.get(status, "internal_error" if status >= 500 else "bad_request")
    return Answer(status, encoded({"errors": [{"type": kind, "message": message, "details": None}]}))


def _bad(name: str, message: str) -> NoReturn:
    detail = {"parameter": f"$.{name}", "location": "query", "message": message}
    error = {"type": "validation_error", "message": "Bad query.", "details": [detail]}
    raise Refusal(Answer(400, encoded({"errors": [error]})))


def _credential(call: Call) -> Credential:
    return compared(call.bearer(), expected=call.settings.ada_key)


def _admit(call: Call) -> tuple[Limit, ...]:
    if _credential(call) != "right":
        raise Refusal(failure(401, "The key is missing or wrong."))
    return (
        Limit("ada 10/s", call.endpoint, 10, 1.0),
        Limit("ada 100/min", "instance", 100, 60.0),
        Limit("ada 15000/day", "instance", 15_000, 86_400.0),
    )


def _time(call: Call, name: str, value: str) -> int:
    """Read a bound: ``Z`` times from clients, ``+00:00`` only as a next link spelled it."""
    own = call.desk.issued(value)
    if not own and not _ZULU.fullmatch(value):
        _bad(name, "Must be an ISO 8601 UTC timestamp ending with 'Z'.")
    try:
        return microseconds(datetime.fromisoformat(value))
    except ValueError:
        _bad(name, "Not a date.")


def _window(call: Call, params: dict[str, str]) -> tuple[str, int, int]:
    """Return which pair of bounds is used, and the bounds."""
    pairs = {name.partition("_")[0] for name in params if name.endswith(("_since", "_to"))}
    if len(pairs) > 1:
        _bad("updated_since", "created_* and updated_* are mutually exclusive.")
    pair = pairs.pop() if pairs else "created"
    since, to = f"{pair}_since", f"{pair}_to"
    if since not in params:
        _bad(since, "Is required.")
    low = _time(call, since, params[since])
    high = _time(call, to, params[to]) if to in params else low + _WINDOW_USUALLY
    if low >= high and not call.desk.issued(params[since]):
        _bad(to, f"Must be after {since}.")
    if high - low > _WINDOW_AT_MOST:
        _bad(to, f"Must not be more than 60 days after {since}.")
    history = call.settings.ada_history_days
    if history is not None and low < call.now - history * DAY:
        _bad(since, f"Must not be more than {history} days ago.")
    return pair, low, high


def _page_size(call: Call, params: dict[str, str]) -> int:
    text = params.get("page_size", str(_PAGE_AT_MOST))
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII) or not _PAGE_AT_LEAST <= int(text) <= _PAGE_AT_MOST:
        _bad("page_size", f"Must be an integer from {_PAGE_AT_LEAST} to {_PAGE_AT_MOST}.")
    return min(int(text), call.settings.max_page or _PAGE_AT_MOST)


def _selection(call: Call, params: dict[str, str], *, stream: Stream) -> tuple[Selection, str]:
    pair, low, high = _window(call, params)
    wanted = params.get("conversation_id")
    selection = Selection(
        stream=stream,
        scope="",
        field=_FIELDS[pair],
        low=low,
        high=high,
        keep=None if wanted is None else lambda conversation: _is(conversation, wanted=wanted),
    )
    return clipped(selection, call=call, as_of=call.now), pair


def _is(conversation: Conversation, *, wanted: str) -> bool:
    return _object_id(conversation.mark, conversation.ordinal) == b'"%b"' % wanted.encode()


def _answer(call: Call, *, stream: Stream, known: frozenset[str]) -> Answer:
    params = single(call, known=known, refuse=_bad)
    size = _page_size(call, params)
    selection, pair = _selection(call, params, stream=stream)
    page = call.archive.page(selection, start=START, size=size)
    texts, bound = [record.text for record in page.records], _next_bound(call, page)
    if _is_empty_turn(call, params[f"{pair}_since"]):
        since = microseconds(datetime.fromisoformat(params[f"{pair}_since"]))
        texts, bound = [], _spelled(since, mark=_EMPTY_PAGE_MARK)
    elif call.settings.looping_next:
        bound = _spelled(microseconds(datetime.fromisoformat(params[f"{pair}_since"])))
    link = None
    if bound is not None:
        _pair, _low, high = _window(call, params)
        link = _link(call, params, pair=pair, bounds=(bound, _spelled(high)))
    return _body(call, texts, link=link)


def _next_bound(call: Call, page: Page) -> str | None:
    """Return the lower bound of the next page: the time of the last record, which comes again."""
    if page.following is None:
        return None
    again = min(call.settings.page_overlap, len(page.records) - 1)
    at = page.records[-1 - again].at
    return _spelled(at if call.settings.lower_inclusive else at - 1)


def _spelled(at: int, *, mark: str = "") -> str:
    fraction = f".{at % SECOND:06d}{mark}" if at % SECOND or mark else ""
    return f"{naive_text(whole_second(at))}{fraction}+00:00"


def _is_empty_turn(call: Call, since: str) -> bool:
    """Tell whether this page is one of the empty ones; never two in a row."""
    every = call.settings.empty_pages
    marked = since.endswith(f"{_EMPTY_PAGE_MARK}+00:00") and call.desk.issued(since)
    return bool(every) and not marked and call.desk.count_page() % every == 0


def _link(call: Call, params: dict[str, str], *, pair: str, bounds: tuple[str, str]) -> str:
    """Return a link that has the window, but like the vendor's neither page size nor cursor."""
    for bound in bounds:
        call.desk.issue(bound)
    query = {f"{pair}_since": bounds[0], f"{pair}_to": bounds[1]}
    if "conversation_id" in params:
        query["conversation_id"] = params["conversation_id"]
    return call.link(urlencode(query))


def _body(call: Call, texts: list[bytes], *, link: str | None) -> Answer:
    key = call.settings.ada_list_key.encode()
    records = b"" if call.settings.drop_list else b'"%b":[%b],' % (key, b",".join(texts))
    return Answer(200, b'{%b"meta":{"next_page_uri":%b}}' % (records, encoded(link)), records=len(texts))


def _conversations(call: Call) -> Answer:
    known = frozenset(("created_since", "created_to", "updated_since", "updated_to", "page_size"))
    return _answer(call, stream=CONVERSATIONS, known=known)


def _messages(call: Call) -> Answer:
    known = frozenset(("created_since", "created_to", "conversation_id", "page_size"))
    return _answer(call, stream=MESSAGES, known=known)


def _scopes(_settings: SimulatorSettings) -> tuple[str, ...]:
    return ("",)


VENDOR: Final = Vendor(
    name=_NAME,
    prefix="/api/v2/",
    endpoints=(
        Endpoint("conversations", "/api/v2/export/conversations", _conversations),
        Endpoint("messages", "/api/v2/export/messages", _messages),
    ),
    streams={stream.name: stream for stream in (CONVERSATIONS, MESSAGES)},
    scopes=_scopes,
    credential=_credential,
    admit=_admit,
    failure=failure,
    shown_limit="ada 100/min",
)
