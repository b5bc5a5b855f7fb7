"""AgentX Support by Workato: endpoints, record shapes and errors of its Export API."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NoReturn

from airflow_provider_convexport.simulator.archive import Selection, Stream
from airflow_provider_convexport.simulator.dataset import DAY, SECOND, VARIANTS
from airflow_provider_convexport.simulator.fragments import ODDITIES, TEXTS, Raw, slot, template
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
    naive_text,
    single,
    whole_second,
)

if TYPE_CHECKING:
    from airflow_provider_convexport.simulator.dataset import Conversation
    from airflow_provider_convexport.simulator.journal import Credential
    from airflow_provider_convexport.simulator.settings import SimulatorSettings

_NAME: Final = "agentx"
_PAGE_AT_MOST: Final = 1000
_PAGE_USUALLY: Final = 100
_LATEST_TIME: Final = 253_402_300_799
_MILLISECOND: Final = 1000
_REQUIRED: Final = ("start_time", "end_time", "bot_name")

# --- records -------------------------------------------------------------------------------------


def _conversation_id(conversation: Conversation) -> bytes:
    mark = conversation.mark
    return b"%012x%08x%012x" % (mark, mark * 2654435761 & 0xFFFFFFFF, conversation.ordinal)


def _message_id(conversation: Conversation, number: int) -> bytes:
    """Return either of the two shapes that the vendor's sample has."""
    mark, tail = conversation.mark ^ 0xFFFFFFFF, conversation.ordinal << 2 | number
    if (conversation.variant + number) % 2:
        return b"%012x4b0b8c0c%012x" % (mark, tail)
    return b"%08x-%04x-4b0b-8c0c-%012x" % (mark >> 16, mark & 0xFFFF, tail)


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
    if variant < len(ODDITIES):
        metadata[f"custom {variant}"] = ODDITIES[variant]
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
            [{"text": text}, {"card": ODDITIES[kind % len(ODDITIES)]}] if kind % 4 == 1 else [{"text": text}]
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
    for number in range(4)
)


def _start_time(conversation: Conversation, _number: int = 0) -> int:
    """Return when it began: usually in whole seconds, in one of sixteen in milliseconds."""
    unit = _MILLISECOND if conversation.draws[5] % 16 == 0 else SECOND
    return conversation.start - conversation.start % unit


def _last_action_at(conversation: Conversation, _number: int = 0) -> int:
    last = conversation.messages[-1]
    return whole_second(last) if conversation.draws[6] % 4 == 0 else last


def _message_time(conversation: Conversation, number: int) -> int:
    """Return when it was sent: whole seconds, milliseconds, or microseconds where a seam needs them."""
    at = conversation.messages[number]
    if (at + 1) % DAY == 0:
        return at
    unit = SECOND if (conversation.draws[3] + number) % 3 == 0 else _MILLISECOND
    return at - at % unit


def _epoch(at: int) -> bytes:
    seconds, fraction = divmod(at, SECOND)
    return (
        b"%d.%b" % (seconds, b"%06d" % fraction)
        if fraction % _MILLISECOND
        else _short_epoch(seconds, fraction)
    )


def _short_epoch(seconds: int, fraction: int) -> bytes:
    return b"%d.%03d" % (seconds, fraction // _MILLISECOND) if fraction else b"%d" % seconds


def _conversation(conversation: Conversation, _number: int) -> bytes:
    return _CONVERSATIONS[conversation.variant] % {
        b"id": b'"%b"' % _conversation_id(conversation),
        b"start": _epoch(_start_time(conversation)),
        b"local": b"%d" % (conversation.messages[-1] // _MILLISECOND),
        b"count": b"%d" % (len(conversation.messages) // 2),
        b"last": b'"%b"' % naive_text(_last_action_at(conversation)).encode(),
    }


def _message(conversation: Conversation, number: int) -> bytes:
    return _MESSAGES[number][(conversation.draws[11] + number) % len(TEXTS)] % {
        b"id": b'"%b"' % _message_id(conversation, number),
        b"time": _epoch(_message_time(conversation, number)),
        b"conversation": b'"%b"' % _conversation_id(conversation),
    }


CONVERSATIONS: Final = Stream(
    vendor=_NAME,
    name="conversations",
    moments={"startTime": _start_time, "lastActionAt": _last_action_at},
    render=_conversation,
)
MESSAGES: Final = Stream(
    vendor=_NAME, name="messages", moments={"time": _message_time}, render=_message, by_message=True
)

# --- requests ------------------------------------------------------------------------------------


def failure(status: int, message: str) -> Answer:
    """Return an error in the manner of Amazon's API Gateway."""
    return Answer(status, encoded({"message": message}))


def _bad(name: str, message: str) -> NoReturn:
    raise Refusal(failure(400, f"{name}: {message}"))


def _bad_cursor() -> NoReturn:
    _bad("cursor", "Invalid cursor.")


def _credential(call: Call) -> Credential:
    return compared(call.headers.get("x-api-key"), expected=call.settings.agentx_key)


def _admit(call: Call) -> tuple[Limit, ...]:
    if _credential(call) != "right":
        raise Refusal(failure(403, "Forbidden"))
    return (Limit("agentx 3/s", call.endpoint, 3, 1.0),)


def _integer(params: dict[str, str], name: str, *, low: int, high: int) -> int:
    text = params[name]
    if not re.fullmatch(r"\d{1,15}", text, re.ASCII) or not low <= int(text) <= high:
        _bad(name, f"Must be an integer from {low} to {high}.")
    return int(text)


def _window(call: Call, params: dict[str, str]) -> tuple[int, int]:
    start = _integer(params, "start_time", low=0, high=_LATEST_TIME) * SECOND
    end = _integer(params, "end_time", low=0, high=_LATEST_TIME) * SECOND
    if start >= end:
        _bad("end_time", "Must be after start_time.")
    longest = call.settings.agentx_max_window_days
    if longest is not None and end - start > longest * DAY:
        _bad("end_time", f"Must not be more than {longest} days after start_time.")
    return start, end


def _params(call: Call, *, further: frozenset[str]) -> dict[str, str]:
    known = frozenset((*_REQUIRED, "per_page", "cursor")) | further
    params = single(call, known=known, refuse=_bad)
    for name in _REQUIRED:
        if not params.get(name):
            _bad(name, "Is required.")
    if params["bot_name"] not in call.settings.agentx_bots and not call.settings.agentx_unknown_bot_is_empty:
        _bad("bot_name", "Unknown bot.")
    return params


def _bookmark(call: Call, params: dict[str, str], *, token: str | None) -> Bookmark:
    if token is None:
        return Bookmark(params["bot_name"], call.endpoint, params, call.now)
    bookmark = opened(call, token, refuse=_bad_cursor)
    if bookmark.params != params:
        _bad_cursor()
    return bookmark


def _answer(call: Call, *, stream: Stream, field: str, further: frozenset[str] = frozenset()) -> Answer:
    params = _params(call, further=further)
    token = params.pop("cursor", None)
    low, high = _window(call, params)
    size = _integer({"per_page": str(_PAGE_USUALLY)} | params, "per_page", low=1, high=_PAGE_AT_MOST)
    bookmark = _bookmark(call, params, token=token)
    if params["bot_name"] not in call.settings.agentx_bots:
        return Answer(200, b'{"data":[],"cursor":null}')
    wanted = params.get("conversation_id")
    selection = Selection(
        stream=stream,
        scope=params["bot_name"],
        field=field,
        low=low,
        high=high,
        shuffled=call.settings.shuffle,
        keep=None if wanted is None else lambda found: _conversation_id(found) == wanted.encode(),
    )
    page = turn(call, clipped(selection, call=call, as_of=bookmark.as_of), bookmark=bookmark, size=size)
    records = b"" if call.settings.drop_list else b'"data":[%b],' % page.texts
    return Answer(200, b'{%b"cursor":%b}' % (records, encoded(page.following)), records=len(page.records))


def _conversations(call: Call) -> Answer:
    return _answer(call, stream=CONVERSATIONS, field=call.settings.agentx_conversation_filter)


def _messages(call: Call) -> Answer:
    return _answer(call, stream=MESSAGES, field="time", further=frozenset(("conversation_id",)))


def _bots(settings: SimulatorSettings) -> tuple[str, ...]:
    return settings.agentx_bots


VENDOR: Final = Vendor(
    name=_NAME,
    prefix="/conversations/export/v1/",
    endpoints=(
        Endpoint("conversations", "/conversations/export/v1/conversations", _conversations),
        Endpoint("messages", "/conversations/export/v1/messages", _messages),
    ),
    streams={stream.name: stream for stream in (CONVERSATIONS, MESSAGES)},
    scopes=_bots,
    credential=_credential,
    admit=_admit,
    failure=failure,
)
