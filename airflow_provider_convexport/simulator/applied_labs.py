"""Applied Labs: endpoints, record shapes and errors, after https://appliedlabs.ai/docs/api/v2026-04/."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NoReturn
from urllib.parse import quote, urlencode
from uuid import UUID

from airflow_provider_convexport.simulator.archive import Selection, Stream
from airflow_provider_convexport.simulator.dataset import DAY, SECOND, VARIANTS
from airflow_provider_convexport.simulator.fragments import ODDITIES, TEXTS, compose, slot, template
from airflow_provider_convexport.simulator.limits import Limit
from airflow_provider_convexport.simulator.paging import Bookmark, opened, turn
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
    from collections.abc import Callable

    from airflow_provider_convexport.simulator.dataset import Conversation
    from airflow_provider_convexport.simulator.journal import Credential
    from airflow_provider_convexport.simulator.settings import SimulatorSettings

_NAME: Final = "applied_labs"
_WINDOW_AT_MOST: Final = 30 * DAY
_PAGE_AT_MOST: Final = 100
_PAGE_USUALLY: Final = 10
_RANGES: Final = {"created_at__range": "created_at", "last_message_at__range": "last_message_at"}
_IDS: Final = ("agent_id", "contact_id", "id", "id__in", "contact_id__in")
_RESOLUTIONS: Final = ("hard", "soft", "escalated", "human", "merged", None, "", "absent")
_TYPES: Final = (
    "phone_call", "web_call", "web_call_demo", "video_call", "web_chat", "email", "sms", "comments", "form",
)  # fmt: skip
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_RELATIVE: Final = re.compile(r"relative:-(\d{1,6})([dhm]),(?:-(\d{1,6})([dhm]))?", re.ASCII)
_UNITS: Final = {"d": DAY, "h": 3600 * SECOND, "m": 60 * SECOND}

# --- records -------------------------------------------------------------------------------------

_LIST_KEYS: Final = (
    "id", "agent_id", "contact_id", "user_id", "created_at", "updated_at", "direction", "type", "status",
    "resolution", "is_test", "remote_id", "remote_platform", "title",
)  # fmt: skip
_DETAIL_KEYS: Final = (*_LIST_KEYS, "flags", "tags", "topic", "intent", "x_future")


def _uuid(mark: int, ordinal: int) -> str:
    return f"{mark >> 16:08x}-{mark & 0xFFFF:04x}-4{mark >> 8 & 0xFFF:03x}-8{mark & 0xFFF:03x}-{ordinal:012x}"


_AGENTS: Final = tuple(_uuid(0xA6E47 * (number + 1), number) for number in range(4))
_CONTACTS: Final = tuple(_uuid(0xC047AC7 * (number + 1), number) for number in range(200))


def _agent(conversation: Conversation) -> str | None:
    number = conversation.draws[3] % (len(_AGENTS) + 1)
    return _AGENTS[number] if number < len(_AGENTS) else None


def _contact(conversation: Conversation) -> str:
    return _CONTACTS[conversation.draws[4] % len(_CONTACTS)]


def _resolution(conversation: Conversation) -> str | None:
    return _RESOLUTIONS[conversation.variant % len(_RESOLUTIONS)]


def _shape(variant: int) -> dict[str, Any]:
    """Return one of the shapes of a conversation; optional keys are missing from some."""
    shape: dict[str, Any] = {
        "agent_id": slot("agent"),
        "created_at": slot("created"),
        "id": slot("id"),
        "contact_id": slot("contact"),
        "user_id": None if variant % 3 else _AGENTS[0],
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
        "flags": [{"id": _AGENTS[1], "name": 'needs "review"'}] if variant % 5 == 0 else [],
        "tags": ["shipping", "späť", ""][: variant % 4],
        "topic": {"id": _AGENTS[2], "name": "Delivery"} if variant % 3 else None,
        "intent": {"id": _AGENTS[3], "name": "Late \\ lost"} if variant % 3 == 1 else None,
        "messages": slot("messages"),
    }
    if variant < len(ODDITIES):
        shape["x_future"] = ODDITIES[variant]
    absent = {"resolution"} if shape["resolution"] == "absent" else set()
    absent |= {"is_test", "direction"} if variant % 9 == 4 else set()
    absent |= {"escalation_time", "resolved_at", "status"} if variant % 11 == 5 else set()
    return {key: value for key, value in shape.items() if key not in absent}


def _some(shape: dict[str, Any], *, keys: tuple[str, ...]) -> bytes:
    return template({key: shape[key] for key in keys if key in shape})


_SHAPES: Final = tuple(_shape(variant) for variant in range(VARIANTS))
_EXPORTED: Final = tuple(template(shape) for shape in _SHAPES)
_LISTED: Final = tuple(_some(shape, keys=_LIST_KEYS) for shape in _SHAPES)
_DETAILED: Final = tuple(_some(shape, keys=_DETAIL_KEYS) for shape in _SHAPES)


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


_MESSAGES: Final = tuple(tuple(_message_shape(number, text=text) for text in TEXTS) for number in range(4))


def _message(conversation: Conversation, number: int) -> bytes:
    text = (conversation.draws[11] + number) % len(TEXTS)
    return _MESSAGES[number][text] % {
        b"id": b'"%b"' % _uuid(conversation.mark ^ 0xFFFFFFFF, conversation.ordinal << 2 | number).encode(),
        b"conversation": b'"%b"' % _uuid(conversation.mark, conversation.ordinal).encode(),
        b"agent": compose(_agent(conversation)),
        b"contact": b'"%b"' % _contact(conversation).encode(),
        b"created": _time(conversation.messages[number]),
    }


def _filled(shapes: tuple[bytes, ...], *, conversation: Conversation) -> bytes:
    shape = shapes[conversation.variant]
    numbers = range(len(conversation.messages) if shapes is _EXPORTED else 0)
    return shape % {
        b"id": b'"%b"' % _uuid(conversation.mark, conversation.ordinal).encode(),
        b"agent": compose(_agent(conversation)),
        b"contact": b'"%b"' % _contact(conversation).encode(),
        b"created": _time(conversation.start),
        b"updated": _time(conversation.updated),
        b"last": b"null" if conversation.silent else _time(conversation.messages[-1]),
        b"messages": b"[%b]" % b",".join([_message(conversation, number) for number in numbers]),
    }


def _time(at: int) -> bytes:
    return b'"%bZ"' % naive_text(whole_second(at)).encode()


def _created_at(conversation: Conversation, _number: int) -> int:
    return whole_second(conversation.start)


def _last_message_at(conversation: Conversation, _number: int) -> int | None:
    return None if conversation.silent else whole_second(conversation.messages[-1])


_CONVERSATION_MOMENTS: Final = {"created_at": _created_at, "last_message_at": _last_message_at}
CONVERSATIONS: Final = Stream(
    vendor=_NAME,
    name="conversations",
    moments=_CONVERSATION_MOMENTS,
    render=lambda conversation, _number: _filled(_EXPORTED, conversation=conversation),
)
LISTED: Final = Stream(
    vendor=_NAME,
    name="conversations_listed",
    moments=_CONVERSATION_MOMENTS,
    render=lambda conversation, _number: _filled(_LISTED, conversation=conversation),
)
MESSAGES: Final = Stream(
    vendor=_NAME,
    name="messages",
    moments={
        "created_at": lambda conversation, number: whole_second(conversation.messages[number]),
        "conversation.created_at": _created_at,
        "conversation.last_message_at": _last_message_at,
    },
    render=_message,
    by_message=True,
)

# --- requests ------------------------------------------------------------------------------------


def failure(status: int, message: str) -> Answer:
    """Return an error in the manner of Django REST framework."""
    return Answer(status, encoded({"detail": message}))


def _bad(name: str, message: str) -> NoReturn:
    raise Refusal(Answer(400, encoded({name: [message]})))


def _bad_cursor() -> NoReturn:
    raise Refusal(failure(400, "Invalid cursor."))


def _credential(call: Call) -> Credential:
    return compared(call.bearer(), expected=call.settings.applied_labs_key)


def _admit(call: Call) -> tuple[Limit, ...]:
    credential = _credential(call)
    if credential == "missing":
        raise Refusal(failure(401, "Authentication credentials were not provided."))
    if credential == "wrong":
        raise Refusal(failure(401, "Invalid API key."))
    shop = call.headers.get("x-shop-id")
    if shop is None:
        _bad("X-Shop-Id", "This header is required.")
    _uuid_checked("X-Shop-Id", shop)
    if shop not in call.settings.applied_labs_shops:
        raise Refusal(failure(403, "You do not have access to this shop."))
    return (Limit("applied_labs 60/min", shop, 60, 60.0),)


def _uuid_checked(name: str, value: str) -> None:
    try:
        well_formed = str(UUID(value)) == value.lower()
    except ValueError:
        well_formed = False
    if not well_formed:
        _bad(name, "Must be a valid UUID.")


def _window(name: str, value: str, *, as_of: int) -> tuple[int, int]:
    """Read a range parameter as microseconds, both ends included or not as the settings will have it."""
    low, high = _relative(value, as_of=as_of) or _absolute(name, value)
    if low >= high:
        _bad(name, "Start must be before end.")
    if high - low > _WINDOW_AT_MOST:
        _bad(name, "Range must not span more than 30 days.")
    return low, high


def _relative(value: str, *, as_of: int) -> tuple[int, int] | None:
    match = _RELATIVE.fullmatch(value)
    if match is None:
        return None
    since, unit, until, until_unit = match.groups()
    high = as_of - int(until) * _UNITS[until_unit] if until else as_of
    return as_of - int(since) * _UNITS[unit], high


def _absolute(name: str, value: str) -> tuple[int, int]:
    ends = value.split(",")
    if len(ends) != 2 or not all(_TIME.fullmatch(end) for end in ends):
        _bad(name, "Must be START,END with times such as 2026-05-02T00:00:00Z.")
    try:
        low, high = (datetime.fromisoformat(end).astimezone(UTC) for end in ends)
    except ValueError:
        _bad(name, "Not a date.")
    return microseconds(low), microseconds(high)


def _limit(params: dict[str, str]) -> int:
    text = params.get("limit", str(_PAGE_USUALLY))
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII) or not 1 <= int(text) <= _PAGE_AT_MOST:
        _bad("limit", f"Must be an integer from 1 to {_PAGE_AT_MOST}.")
    return int(text)


def _filter(params: dict[str, str]) -> Callable[[Conversation], bool] | None:
    """Return the condition that the filters add up to, or ``None`` without filters."""
    tests: list[tuple[Callable[[Conversation], str | None], frozenset[str]]] = []
    readers: dict[str, Callable[[Conversation], str | None]] = {
        "agent_id": _agent,
        "contact_id": _contact,
        "id": lambda conversation: _uuid(conversation.mark, conversation.ordinal),
        "resolution": _resolution,
    }
    for name in params.keys() & {*_IDS, "resolution", "resolution__in"}:
        field, _, many = name.partition("__")
        wanted = params[name].split(",") if many else [params[name]]
        for value in wanted:
            _checked(name, value, field=field)
        tests.append((readers[field], frozenset(wanted)))
    return (lambda conversation: all(read(conversation) in want for read, want in tests)) if tests else None


def _checked(name: str, value: str, *, field: str) -> None:
    if field != "resolution":
        _uuid_checked(name, value)
    elif value not in _RESOLUTIONS[:5]:
        _bad(name, f'"{value}" is not one of the available choices.')


def _asked(call: Call, *, ranges: tuple[str, ...]) -> Bookmark:
    """Return the page that is asked for, by cursor or as the first of a new walk."""
    known = frozenset(("cursor", "limit", "resolution", "resolution__in", *_IDS, *ranges))
    params = single(call, known=known, refuse=_bad)
    token, shop = params.pop("cursor", None), call.headers["x-shop-id"]
    if token is None:
        return Bookmark(shop, call.endpoint, params, call.now)
    bookmark = opened(call, token, refuse=_bad_cursor)
    if bookmark.scope != shop or not params.items() <= bookmark.params.items():
        _bad_cursor()
    return bookmark


def _served(call: Call, *, stream: Stream, ranges: tuple[str, ...], newest_first: bool) -> Answer:
    bookmark = _asked(call, ranges=ranges)
    given = [name for name in ranges if name in bookmark.params]
    if len(given) > 1:
        _bad(given[1], f"Cannot be combined with {given[0]}.")
    if not given and not newest_first:
        _bad(ranges[0], "A range is required.")
    low, high, field = 0, bookmark.as_of + 1, "created_at"
    if given:
        field = _RANGES[given[0]]
        low, high = _window(given[0], bookmark.params[given[0]], as_of=bookmark.as_of)
    selection = Selection(
        stream=stream,
        scope=bookmark.scope,
        field=field,
        low=low,
        high=high,
        descending=newest_first,
        shuffled=call.settings.shuffle,
        keep=_filter(bookmark.params),
    )
    selection = clipped(selection, call=call, as_of=bookmark.as_of)
    page = turn(call, selection, bookmark=bookmark, size=_limit(bookmark.params))
    return _page(
        call, page.texts, following=page.following, preceding=page.preceding, count=len(page.records)
    )


def _page(call: Call, texts: bytes, *, following: str | None, preceding: str | None, count: int) -> Answer:
    links = [
        encoded(call.link(urlencode({"cursor": token})) if token is not None else None)
        for token in (following, preceding)
    ]
    results = b"" if call.settings.drop_list else b',"results":[%b]' % texts
    return Answer(200, b'{"next":%b,"previous":%b%b}' % (*links, results), records=count)


def _export(call: Call) -> Answer:
    return _served(call, stream=CONVERSATIONS, ranges=tuple(_RANGES), newest_first=False)


def _list(call: Call) -> Answer:
    return _served(call, stream=LISTED, ranges=("created_at__range",), newest_first=True)


def _get(call: Call) -> Answer:
    single(call, known=frozenset(), refuse=_bad)
    text, shop = call.path_params["id"], call.headers["x-shop-id"]
    _uuid_checked("id", text)
    found = call.archive.find(int(text[-12:], 16), vendor=_NAME, scope=shop)
    if found is None or _uuid(found.mark, found.ordinal) != text or not _exists(found, call=call):
        raise Refusal(failure(404, "Not found."))
    return Answer(200, _filled(_DETAILED, conversation=found), records=1)


def _exists(conversation: Conversation, *, call: Call) -> bool:
    return call.now - call.settings.days * DAY <= whole_second(conversation.start) <= call.now


def _slash(call: Call) -> Answer:
    query = f"?{urlencode(call.pairs, quote_via=quote)}" if call.pairs else ""
    return Answer(301, b"", headers=(("Location", f"{quote(call.path)}/{query}"),))


def _shops(settings: SimulatorSettings) -> tuple[str, ...]:
    return settings.applied_labs_shops


VENDOR: Final = Vendor(
    name=_NAME,
    prefix="/v2026-04/",
    endpoints=(
        Endpoint("export", "/v2026-04/conversations/export/", _export),
        Endpoint("list", "/v2026-04/conversations/", _list),
        Endpoint("redirect", "/v2026-04/conversations/export", _slash, public=True),
        Endpoint("redirect", "/v2026-04/conversations", _slash, public=True),
        Endpoint("redirect", "/v2026-04/conversations/{id}", _slash, public=True),
        Endpoint("get", "/v2026-04/conversations/{id}/", _get),
    ),
    streams={stream.name: stream for stream in (CONVERSATIONS, LISTED, MESSAGES)},
    scopes=_shops,
    credential=_credential,
    admit=_admit,
    failure=failure,
)
