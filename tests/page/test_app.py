from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest

from airflow_provider_convexport.page import mount
from airflow_provider_convexport.plugin import page_address
from tests.support.page_events import DAY, audit_extra, event_row, export_extra, many, midnight
from tests.support.page_server import counted_queries

TODAY = datetime.now(UTC).date()
ROOT = "s3://bucket/raw/ada/messages"
PATHS = ("", "dataset?id=x", "budget", "static/page.css", "static/page.js", "static/other")
ATTACK = '"><script>alert(1)</script><img src=x onerror=alert(2)>'


class Page(HTMLParser):
    """The elements of a page, and the text of its cells."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes, self.states = [], [], {}
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        found = dict(attrs)
        if tag == "td" and found.get("class", "").startswith("s "):
            self.states[found["title"][:10]] = found["class"][2:]

    def links(self):
        return [value for name, value in self.attributes if name in ("href", "src")]


def days_ago(number):
    return TODAY - number * DAY


def exported(age, *, root=ROOT, asset=1, **more):
    """Return the event of the export of a day, which was sent in the night after it."""
    day = days_ago(age)
    at = midnight(day) + DAY + timedelta(hours=3)
    keep = {key: more.pop(key) for key in ("dag", "task", "run", "map_index") if key in more}
    return event_row(asset, export_extra(root, day, **more), at, **keep)


def dataset_link(html):
    return next(link for link in Page(html).links() if link.startswith("dataset?"))


def routes():
    from airflow_provider_convexport.page.app import create_app  # noqa: PLC0415 - the home comes first

    return [route.path for route in create_app().routes]


def test_the_app_has_these_routes_and_none_of_fastapis_own(server):
    assert sorted(routes()) == ["/", "/budget", "/dataset", "/static/{name}"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_whoever_has_not_signed_in_sees_nothing(get, path, method):
    answer = get(path, role=None, method=method)

    assert answer.status_code in ((401,) if method == "GET" else (401, 405))
    assert len(answer.content) < 100


def test_every_route_was_asked_for_without_signing_in(get):
    asked = {urlsplit(f"/{path}").path for path in PATHS}

    assert {route.replace("{name}", "page.css") for route in routes()} <= asked
    for route in routes():
        assert get(route.replace("{name}", "page.css").lstrip("/"), role=None).status_code == 401


@pytest.mark.parametrize("path", PATHS)
def test_whoever_may_not_see_plugins_sees_nothing(get, path):
    assert get(path, role="viewer").status_code == 403


@pytest.mark.parametrize("path", ["docs", "redoc", "openapi.json"])
@pytest.mark.parametrize("role", [None, "admin"])
def test_there_are_no_pages_about_the_app(get, path, role):
    assert get(path, role=role).status_code == 404


def test_the_cookie_of_airflows_own_pages_is_enough(get):
    assert get(cookie=True).status_code == 200


def test_everything_is_denied_if_what_checks_permissions_cannot_be_imported(monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "airflow.api_fastapi.core_api.security", None)
    monkeypatch.delitem(sys.modules, "airflow_provider_convexport.page.app", raising=False)
    mount._app.cache_clear()
    sent = []

    async def send(message):
        sent.append(message)

    try:
        asyncio.run(mount.CoveragePage()({"type": "http", "path": "/"}, None, send))
    finally:
        mount._app.cache_clear()
        monkeypatch.undo()

    assert sent[0]["status"] == 403
    assert "denies every request" in caplog.text


def test_without_events_the_page_says_what_a_task_needs(get, write):
    write()

    assert "outlets=[Asset(" in get().text


def test_each_day_shows_its_state(get, write):
    gap = audit_extra(ROOT, days_ago(7), ok=False, gaps=2, commit="c0ffee0000000001")
    write(
        *(exported(age) for age in (9, 8, 7, 5)),
        exported(4, records=0),
        event_row(1, gap, midnight(TODAY), task="audit"),
    )
    page = Page(get().text)

    assert {age: page.states.get(f"{days_ago(age)}") for age in (10, 9, 7, 6, 5, 4, 2, 0)} == {
        10: None,
        9: "published",
        7: "failed",
        6: "missing",
        5: "published",
        4: "empty",
        2: "late",
        0: "unsettled",
    }


def test_a_dataset_whose_events_are_all_old_is_late_since_then(get, write):
    write(exported(200), exported(199))
    states = Page(get().text).states

    assert set(states.values()) == {"late", "unsettled"}


def test_shops_of_one_destination_and_task_are_datasets_of_their_own(get, write):
    write(
        *(
            exported(3, vendor="agentx", scope={"bot_name": bot}, map_index=index, dag="agentx_daily")
            for index, bot in enumerate(["one-bot", "two-bot"])
        )
    )
    html = get().text

    assert "bot_name one-bot" in html
    assert "bot_name two-bot" in html


def test_the_page_of_a_dataset_shows_commits_and_numbers(get, write):
    write(
        exported(3, run="scheduled__3", commit="aaaa"), exported(3, run="manual__4", commit="bbbb", records=7)
    )
    html = get(dataset_link(get().text)).text

    assert html.index("bbbb") < html.index("aaaa")
    assert "../dags/ada_daily/runs/manual__4" in html
    assert "1 duplicate, 2 outside of the interval, 0.5 s waited" in html
    assert 'role="img"' in html


def test_a_dataset_that_does_not_exist_is_not_found(get, write):
    write(exported(3))

    assert get("dataset?id=0123456789abcdef").status_code == 404


def test_a_task_links_to_its_days_by_the_destination(get, write):
    write(exported(300, root="s3://b/one"), exported(3, root="s3://b/one"))
    answer = get(f"dataset?root=s3%3A%2F%2Fb%2Fone&from={days_ago(300)}&to={days_ago(300)}")

    assert answer.status_code == 200
    assert Page(answer.text).states[f"{days_ago(300)}"] == "published"
    assert get("dataset?root=s3%3A%2F%2Fb%2Ftwo").status_code == 404


def test_a_destination_with_several_bots_shows_them_all(get, write):
    bots = [exported(3, root="s3://b/x", vendor="agentx", scope={"bot_name": bot}) for bot in ("one", "two")]
    write(*bots, exported(3, root="s3://b/y"))
    text = get("dataset?root=s3%3A%2F%2Fb%2Fx").text

    assert "bot_name one" in text
    assert "bot_name two" in text
    assert "s3://b/y" not in text
    for link in [link for link in Page(get().text).links() if link.startswith("dataset?")]:
        assert get(link).status_code == 200


@pytest.mark.parametrize(
    "query", ["dataset?from=yesterday", "dataset?id=" + "x" * 100, "dataset?id=x&days=9999999"]
)
def test_a_wrong_question_is_refused(get, query):
    assert get(query).status_code == 422


def test_names_are_text_wherever_they_come_from(get, write):
    event = exported(
        3, root=f"/data/{ATTACK}", vendor=ATTACK, stream=ATTACK, dag=ATTACK, task=ATTACK, run=ATTACK
    )
    event["extra"] |= {"scope": {ATTACK: ATTACK}, "window_on": ATTACK, "partition_by": ATTACK}
    event["extra"]["days"][f"{days_ago(3)}"]["commit"] = ATTACK
    tables = {"vendor": ATTACK, "tables": {ATTACK: {"rows": 1}}, "interval": [ATTACK, ATTACK]}
    write(event, event_row(2, tables, midnight(TODAY), dag=ATTACK, task=ATTACK, run=ATTACK))
    overview = get()

    for answer in (overview, get(dataset_link(overview.text))):
        page = Page(answer.text)
        assert answer.status_code == 200
        assert page.tags.count("script") == 1
        assert "img" not in page.tags
        assert not [name for name, _ in page.attributes if name.startswith("on")]
        assert "alert(1)" in answer.text


def test_nothing_is_loaded_from_elsewhere_and_scripts_in_the_page_do_not_run(get, write):
    write(exported(3))
    answer = get()

    assert not [link for link in Page(answer.text).links() if urlsplit(link).netloc or link.startswith("/")]
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy
    assert "style=" not in answer.text


@pytest.mark.parametrize(
    "damage",
    [
        {"days": {"yesterday": {"records": 1, "bytes": 1}}},
        {"days": 5},
        {"interval": ["x", "y"]},
        {"timezone": "Nowhere/Land"},
        {"timezone": "../../etc/passwd"},
        {"days": None, "spans": [{"start": "0001-01-01T00:00:00Z", "end": "9999-01-01T00:00:00Z",
                                  "records": 1, "bytes": 1}]},
        {"records": 10**400},
        {"expired": ["x", "y"]},
    ],
)  # fmt: skip
def test_an_event_that_cannot_be_read_is_counted_and_the_others_show(get, write, damage):
    damaged = exported(2)
    damaged["extra"] |= damage
    write(exported(4), damaged, exported(3))
    answer = get()

    assert answer.status_code == 200
    assert "1 asset event of exports cannot be read" in answer.text
    assert Page(answer.text).states[f"{days_ago(4)}"] == "published"


@pytest.mark.parametrize(
    "foreign", [{}, {"vendor": "acme"}, {"rows": 5}, [1, 2], "text", None, {"vendor": 1}]
)
def test_events_of_other_operators_do_not_show(get, write, foreign):
    write(event_row(1, foreign, midnight(TODAY), dag="another"))

    assert "No export has sent an asset event yet" in get().text


def test_tables_show_their_newest_run(get, write):
    facts = {"conversations": {"rows": 120, "partitions": 1, "unchanged": 6}}
    extra = {"vendor": "ada", "interval": ["a", "b"], "tables": facts, "manifests": []}
    write(event_row(1, extra, midnight(TODAY), task="tables"))

    assert "conversations: 120 rows in 1 partition, 6 unchanged" in get().text


@pytest.mark.parametrize(("path", "most"), [("", 6), ("dataset", 5), ("budget", 10)])
def test_the_number_of_queries_does_not_grow_with_days_or_datasets(get, write, path, most):
    counts = []
    for datasets, days in ((1, 2), (3, 60), (20, 10)):
        _, rows = many(datasets, days, until=TODAY)
        write(*rows)
        asked = dataset_link(get().text) if path == "dataset" else path
        with counted_queries() as statements:
            assert get(asked).status_code == 200
        counts.append(len(statements))

    assert counts == [counts[0]] * 3
    assert counts[0] in (most, most - 1)  # Airflow 3.1 needs none to check the user


def test_links_stay_behind_a_path_prefix(get, write):
    write(exported(3))

    assert all(not link.startswith("/") for link in Page(get().text).links())


def test_the_menu_leads_to_the_page_behind_the_path_of_the_base_url(monkeypatch):
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://example.org/data/airflow/")
    assert page_address() == "/data/airflow/convexport/"
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "http://localhost:8080")
    assert page_address() == "/convexport/"


def test_airflow_lists_the_page_in_its_menu(get):
    plugins = get("plugins", prefix="/api/v2/").json()["plugins"]
    ours = next(plugin for plugin in plugins if plugin["name"] == "convexport")

    views = [(view["name"], view["destination"], view["category"]) for view in ours["external_views"]]
    assert views == [("Conversation exports", "nav", "browse")]
