"""A vendor that only this file knows: the shared behaviour must need nothing but its declaration."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import pytest
import requests

from airflow_provider_convexport.simulator import ada
from airflow_provider_convexport.simulator.api_keys import header
from airflow_provider_convexport.simulator.cursors import requested_cursor
from airflow_provider_convexport.simulator.faults import Fault
from airflow_provider_convexport.simulator.http_messages import ApiError, ApiResponse
from airflow_provider_convexport.simulator.limits import Limit
from airflow_provider_convexport.simulator.pagination import RECORDS, cursor_page, list_response
from airflow_provider_convexport.simulator.parameters import instant, integer, single_values
from airflow_provider_convexport.simulator.record_store import RecordQuery, Stream
from airflow_provider_convexport.simulator.registry import registered_vendors
from airflow_provider_convexport.simulator.server import running
from airflow_provider_convexport.simulator.settings import SimulatorSettings
from airflow_provider_convexport.simulator.times import naive_text
from airflow_provider_convexport.simulator.vendor_api import Endpoint, VendorApi, VendorSettings, switch

START, END = datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 6, 8, tzinfo=UTC)
NOW = datetime(2026, 11, 20, 12, 34, 56, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class HelpdeskSettings(VendorSettings):
    scope_extra: ClassVar[str | None] = "team"

    teams: tuple[str, ...] = switch(("red", "blue"), "Teams.")

    @property
    def scopes(self):
        return self.teams


def rendered(conversation, _number):
    record = {"id": str(conversation.ordinal), "at": naive_text(conversation.start)}
    return json.dumps(record, separators=(",", ":")).encode()


def error(status, message):
    return ApiResponse.json(status, {"fault": message})


def refuse(name, message):
    raise ApiError(error(422, f"{name}: {message}"))


def search(request):
    params = single_values(request, known=frozenset(("from", "to", "team", "size", "after")), refuse=refuse)
    token = params.pop("after", None)
    low, high = (instant(name, params[name], refuse=refuse) for name in ("from", "to"))
    size = integer("size", params["size"], minimum=1, maximum=50, refuse=refuse)
    cursor = requested_cursor(
        request,
        token,
        scope=params["team"],
        params=params,
        params_required=True,
        refuse=lambda: refuse("after", "Bad."),
    )
    query = RecordQuery(CONVERSATIONS, scope=params["team"], field="at", low=low, high=high)
    page = cursor_page(request, query, cursor=cursor, size=size)
    members = {"hits": RECORDS, "more": page.following is not None, "after": page.following}
    return list_response(request, page.records, members)


CONVERSATIONS = Stream(
    vendor="helpdesk",
    name="conversations",
    time_fields={"at": lambda conversation, _number: conversation.start},
    render=rendered,
)
HELPDESK = VendorApi(
    name="helpdesk",
    title="Helpdesk",
    prefix="/helpdesk/",
    settings=HelpdeskSettings,
    endpoints=(Endpoint("search", "/helpdesk/search", search, method="POST", cursor_param="after"),),
    streams={"conversations": CONVERSATIONS},
    key=header("x-key"),
    unauthorized=lambda _credential: error(401, "Who are you?"),
    limits=lambda request: (Limit("helpdesk 2/s", request.endpoint, 2, 1.0),),
    error=error,
)


@pytest.fixture
def helpdesk():
    with running(SimulatorSettings(limits=False), vendors=[HELPDESK], clock=NOW.timestamp) as simulator:
        yield simulator


def post(simulator, *, key="simulated-key", **changes):
    body = {"from": START.isoformat(), "to": END.isoformat(), "team": "red", "size": 50} | changes
    with requests.Session() as session:
        session.trust_env = False
        return session.post(f"{simulator.url}/helpdesk/search", json=body, headers={"x-key": key}, timeout=10)


def walk(simulator):
    pages, more = [], {}
    while True:
        answer = post(simulator, **more).json()
        pages.append([json.dumps(each, separators=(",", ":")).encode() for each in answer["hits"]])
        if not answer["more"]:
            return pages
        more = {"after": answer["after"]}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"page_overlap": 3},
        {"empty_pages": 2},
        {"max_page": 20},
        {"shuffle": True},
        {"ties": 9},
        {"pretty": True},
    ],
    ids=str,
)
def test_no_setting_about_pages_loses_a_record(helpdesk, changes):
    helpdesk.update(**changes)

    pages = walk(helpdesk)

    truth = helpdesk.truth("helpdesk", "conversations", START, END)
    assert len(pages) > 10
    assert {record for page in pages for record in page} == set(truth)
    assert ([] in pages) == ("empty_pages" in changes)


def test_settings_about_pages_and_bounds_take_effect(helpdesk):
    helpdesk.update(page_overlap=3)
    first, second, *_rest = walk(helpdesk)
    assert second[:3] == first[-3:]
    helpdesk.update(page_overlap=0, lower_inclusive=False)
    assert walk(helpdesk)[0][0] != first[0]
    helpdesk.update(looping_next=True, cursor_uses=1)
    after = post(helpdesk).json()["after"]
    assert [post(helpdesk, after=after).status_code for _ in range(2)] == [200, 422]
    helpdesk.update(drop_list=True)
    assert set(post(helpdesk).json()) == {"more", "after"}


def test_key_method_limits_faults_and_the_log_are_shared(helpdesk):
    after = post(helpdesk).json()["after"]
    assert post(helpdesk, key="wrong").json() == {"fault": "Who are you?"}
    helpdesk.reset()
    helpdesk.update(limits=True, faults=(Fault("cursor-expired", at=2), Fault("502-html", at=1)))
    assert [post(helpdesk, after=after).status_code for _ in range(3)] == [502, 400, 429]
    assert (
        requests.get(f"{helpdesk.url}/helpdesk/search", timeout=10).json()["fault"].startswith('Method "GET"')
    )
    assert requests.get(f"{helpdesk.url}/helpdesk/else", timeout=10).json() == {"fault": "Not found."}
    first = helpdesk.request_log.requests[0]
    assert (first.vendor, first.endpoint, first.param("team"), first.param("size")) == (
        "helpdesk", "search", "red", "50",
    )  # fmt: skip


def test_its_settings_are_reached_under_its_name(helpdesk):
    helpdesk.update(helpdesk_key="other", helpdesk_teams=("green",))
    settings = helpdesk.settings

    assert (settings.key_of("helpdesk"), settings.helpdesk_key) == ("other", "other")
    assert settings.scopes_of("helpdesk") == settings.helpdesk_teams == ("green",)
    assert settings.scope_extra_of("helpdesk") == "team"
    assert settings.connection_extra_of("helpdesk") == {"team": "green"}
    assert post(helpdesk, key="other", team="green").status_code == 200


def test_settings_without_the_vendor_get_its_defaults_back(helpdesk):
    plain = SimulatorSettings(limits=False)
    helpdesk.update(helpdesk_key="other")

    helpdesk.update(**{name: getattr(plain, name) for name in plain.__dataclass_fields__})

    assert helpdesk.settings.key_of("helpdesk") == "simulated-key"


def test_the_vendors_of_the_package_are_reached_the_same_way():
    settings = SimulatorSettings(ada_key="k", agentx_bots=("b",))

    assert [vendor.name for vendor in registered_vendors()] == list(settings.vendors)
    assert [settings.key_of(name) for name in ("applied_labs", "ada")] == ["AL-simulated-key", "k"]
    assert settings.connection_extra_of("ada") == {}
    assert (settings.scopes_of("ada"), settings.scope_extra_of("ada")) == ((), None)
    assert settings.connection_extra_of("agentx") == {"bot_name": "b"}
    assert settings.connection_extra_of("applied_labs") == {"shop_id": settings.applied_labs_shops[0]}


@pytest.mark.parametrize("name", ["key", "ada_nothing", "nobody_key"])
def test_unknown_settings_are_refused(name):
    with pytest.raises(TypeError, match=name):
        SimulatorSettings(**{name: 1})
    with pytest.raises(AttributeError, match=name):
        getattr(SimulatorSettings(), name)


def test_two_vendors_cannot_have_the_same_name_or_paths(helpdesk):
    with pytest.raises(ValueError, match="ada is not unique"), running(vendors=[ada.API]):
        pass


def test_hours_between_two_windows_belong_to_one_of_them(helpdesk):
    middle = START + timedelta(hours=5)
    halves = [(START, middle), (middle, END)]
    pieces = [
        record for low, high in halves for record in helpdesk.truth("helpdesk", "conversations", low, high)
    ]

    assert pieces == helpdesk.truth("helpdesk", "conversations", START, END)
