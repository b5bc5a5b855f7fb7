"""Acme, a vendor that exists in tests only: its simulated API."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar, NoReturn

from airflow_provider_convexport.simulator.api_keys import header
from airflow_provider_convexport.simulator.cursors import requested_cursor
from airflow_provider_convexport.simulator.dataset import Conversation
from airflow_provider_convexport.simulator.http_messages import ApiError, ApiRequest, ApiResponse
from airflow_provider_convexport.simulator.json_templates import Raw, compact_json
from airflow_provider_convexport.simulator.limits import Limit
from airflow_provider_convexport.simulator.pagination import RECORDS, cursor_page, list_response
from airflow_provider_convexport.simulator.parameters import instant, integer, single_values
from airflow_provider_convexport.simulator.record_store import RecordQuery, Stream
from airflow_provider_convexport.simulator.sample_values import EDGE_CASES, TEXTS
from airflow_provider_convexport.simulator.times import DAY, naive_text, whole_second
from airflow_provider_convexport.simulator.vendor_api import Endpoint, VendorApi, VendorSettings, switch

_REQUIRED = ("team_id", "select_by", "from", "until", "limit")
_MAX_WINDOW = 31 * DAY
_LAST_CURSOR = "end"
"""The cursor of every last answer; a request with it is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AcmeSettings(VendorSettings):
    """The settings of Acme."""

    scope_extra: ClassVar[str | None] = "team_id"

    key: str = switch("acme-simulated-key", "Key that Acme accepts.")
    teams: tuple[str, ...] = switch(("red", "blue"), "Teams that Acme knows.")

    @property
    def scopes(self) -> tuple[str, ...]:
        """The teams."""
        return self.teams


# --- records -------------------------------------------------------------------------------------


def _opened(conversation: Conversation, _number: int = 0) -> int:
    return conversation.start


def _changed(conversation: Conversation, _number: int = 0) -> int:
    return whole_second(conversation.updated)


def _sent(conversation: Conversation, number: int) -> int:
    return conversation.messages[number]


def _conversation(conversation: Conversation, _number: int) -> bytes:
    record = {
        "number": conversation.ordinal,
        "opened_at": f"{naive_text(_opened(conversation))}Z",
        "changed_at": f"{naive_text(_changed(conversation))}+00:00",
        "score": Raw(("1.50", "1E2", "-0", "null")[conversation.variant % 4]),
        "subject": TEXTS[conversation.variant % len(TEXTS)],
        "fields": EDGE_CASES[conversation.variant % len(EDGE_CASES)],
    }
    return compact_json(record)


def _message(conversation: Conversation, number: int) -> bytes:
    record = {
        "text": TEXTS[(conversation.variant + number) % len(TEXTS)],
        "sent_at": f"{naive_text(_sent(conversation, number))}Z",
        "uid": f"{conversation.ordinal}/{number}",
    }
    return compact_json(record)


CONVERSATIONS = Stream("acme", "conversations", {"opened_at": _opened, "changed_at": _changed}, _conversation)
MESSAGES = Stream("acme", "messages", {"sent_at": _sent}, _message, by_message=True)

# --- requests ------------------------------------------------------------------------------------


def _error(status: int, message: str) -> ApiResponse:
    return ApiResponse.json(status, {"error": {"code": status, "reason": message}})


def _refuse(name: str, message: str) -> NoReturn:
    raise ApiError(_error(422, f"{name}: {message}"))


def _refuse_cursor() -> NoReturn:
    _refuse("cursor", "Is not valid.")


def _limits(_request: ApiRequest) -> tuple[Limit, ...]:
    return (Limit("acme 5/s", "account", 5, 1.0), Limit("acme 120/min", "account", 120, 60.0))


def _params(request: ApiRequest) -> dict[str, str]:
    params = single_values(request, known=frozenset((*_REQUIRED, "cursor")), refuse=_refuse)
    for name in _REQUIRED:
        if not params.get(name):
            _refuse(name, "Is required.")
    if params["team_id"] not in request.vendor_settings.teams:
        _refuse("team_id", "Is unknown.")
    return params


def _window(params: dict[str, str]) -> tuple[int, int]:
    low, high = (instant(name, params[name], refuse=_refuse) for name in ("from", "until"))
    if not 0 < high - low <= _MAX_WINDOW:
        _refuse("until", "Must be at most 31 days after from.")
    return low, high


def _search(request: ApiRequest, *, stream: Stream) -> ApiResponse:
    params = _params(request)
    token, team = params.pop("cursor", None), params["team_id"]
    low, high = _window(params)
    size = integer("limit", params["limit"], minimum=10, maximum=200, refuse=_refuse)
    field = f"{params['select_by']}_at"
    if field not in stream.time_fields:
        _refuse("select_by", "Is unknown.")
    cursor = requested_cursor(
        request, token, scope=team, params=params, params_required=True, refuse=_refuse_cursor
    )
    page = cursor_page(request, RecordQuery(stream, team, field, low, high), cursor=cursor, size=size)
    paging = {"cursor": page.following or _LAST_CURSOR, "end_of_stream": page.following is None}
    return list_response(request, page.records, {"paging": paging, "results": RECORDS})


def _endpoint(stream: Stream) -> Endpoint:
    path = f"/acme/v1/{stream.name}/search"
    return Endpoint(stream.name, path, partial(_search, stream=stream), method="POST")


API = VendorApi(
    name="acme",
    title="Acme",
    prefix="/acme/",
    settings=AcmeSettings,
    endpoints=tuple(
        Endpoint(
            stream.name, f"/acme/v1/{stream.name}/search", partial(_search, stream=stream), method="POST"
        )
        for stream in (CONVERSATIONS, MESSAGES)
    ),
    streams={stream.name: stream for stream in (CONVERSATIONS, MESSAGES)},
    key=header("acme-key"),
    unauthorized=lambda _credential: _error(401, "Unknown key."),
    limits=_limits,
    error=_error,
)
