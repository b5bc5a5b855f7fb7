"""The app of the coverage page: routes, templates and headers. Only for users who may see plugins."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import jinja2
from airflow.api_fastapi.auth.managers.models.resource_details import AccessView
from airflow.api_fastapi.core_api.security import requires_access_view
from airflow.utils.session import create_session
from fastapi import Depends, FastAPI, Query
from fastapi.responses import HTMLResponse, Response

from airflow_provider_convexport.compat import conf
from airflow_provider_convexport.page import events as database
from airflow_provider_convexport.page.budget import accounts_in_use
from airflow_provider_convexport.page.catalog import read_catalog
from airflow_provider_convexport.page.destinations import look_at
from airflow_provider_convexport.page.extra import utc_text
from airflow_provider_convexport.page.model import DAY
from airflow_provider_convexport.page.views import detail, first_shown, overview, today_of
from airflow_provider_convexport.page.words import STATES, counted, size_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_convexport.page.catalog import Catalog

_HERE = Path(__file__).parent
_FILES = {"page.css": "text/css; charset=utf-8", "page.js": "text/javascript; charset=utf-8"}
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_MOST_DAYS = 1100
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC).toordinal()


def create_app(*, now: Callable[[], float] = time.time) -> FastAPI:
    """Return the app; every route asks Airflow's auth manager whether the user may see plugins.

    FastAPI's own pages do not ask, so there are none.

    :param now: Returns the current time in epoch seconds.
    """
    app = FastAPI(
        dependencies=[Depends(requires_access_view(AccessView.PLUGINS))],
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    pages = _Pages(now, _templates())
    app.get("/")(pages.all_datasets)
    app.get("/dataset")(pages.one_dataset)
    app.get("/budget")(pages.budget)
    app.get("/static/{name}")(_static)
    return app


class _Pages:
    """The pages; each is made by a few queries of Airflow's database."""

    def __init__(self, now: Callable[[], float], templates: jinja2.Environment) -> None:
        self._now = now
        self._templates = templates

    def all_datasets(self) -> HTMLResponse:
        """Return the overview."""
        moment = self._now()
        with create_session() as session:
            catalog = read_catalog(session, since=_seconds_of(first_shown(moment)))
            waiting = database.waiting(session, _tasks_of(catalog))
        cards = overview(catalog, now=moment)
        return self._page("overview.html", cards=cards, catalog=catalog, waiting=waiting)

    def one_dataset(
        self,
        name: Annotated[str, Query(alias="id", max_length=64)] = "",
        root: Annotated[str, Query(max_length=2000)] = "",
        first: Annotated[date | None, Query(alias="from")] = None,
        days: Annotated[int, Query(ge=7, le=_MOST_DAYS)] = 91,
        manifests: Annotated[bool, Query()] = False,
    ) -> HTMLResponse:
        """Return the page of a dataset, or, for a destination with several shops or bots, their cards.

        :param name: The dataset's id.
        :param root: URL of a destination instead, as links of tasks have it.
        :param first: A day that is to be among those shown.
        :param days: How many days are shown.
        :param manifests: Whether to read the destination's manifests, too.
        """
        moment = self._now()
        if first is not None:
            days = min(max(days, today_of(moment) - first.toordinal() + 1), _MOST_DAYS)
        with create_session() as session:
            since = _seconds_of(today_of(moment) - days - 7)
            catalog = read_catalog(session, since=since, only=None if root else name)
        wanted = catalog.at(root) if root else catalog.datasets.keys() & {name}
        if len(wanted) > 1:
            cards = [card for card in overview(catalog, now=moment) if card.id in wanted]
            return self._page("overview.html", cards=cards, catalog=catalog, waiting=[])
        if not wanted:
            return self._page("none.html", status=404)
        return self._detail(catalog, next(iter(wanted)), days=days, manifests=manifests)

    def _detail(self, catalog: Catalog, name: str, *, days: int, manifests: bool) -> HTMLResponse:
        it = detail(catalog, name, now=self._now(), days=days)
        may_read, damaged, looked = reads_destinations(), catalog.damaged, None
        if manifests and may_read:
            shown = [line.cell.day for line in it.lines]
            looked = look_at(it.dataset, shown, catalog.feeds.get(name, []))
        return self._page("dataset.html", it=it, days=days, may_read=may_read, looked=looked, damaged=damaged)

    def budget(self) -> HTMLResponse:
        """Return the page of the vendors' limits."""
        with create_session() as session:
            catalog = read_catalog(session, since=self._now())
            waiting = database.waiting(session, _tasks_of(catalog))
            accounts = accounts_in_use(session, catalog)
        return self._page("budget.html", accounts=accounts, waiting=waiting)

    def _page(self, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
        html = self._templates.get_template(template).render(now=self._now(), **values)
        return HTMLResponse(html, status_code=status, headers=_HEADERS)


def _static(name: str) -> Response:
    if name not in _FILES:
        return Response(status_code=404, headers=_HEADERS)
    content = (_HERE / "static" / name).read_bytes()
    return Response(content, media_type=_FILES[name], headers=_HEADERS)


def reads_destinations() -> bool:
    """Return whether the page may read manifests from destinations when somebody asks for it."""
    return bool(conf.getboolean("convexport", "page_reads_destinations", fallback=False))


def _seconds_of(day: int) -> float:
    return float((day - _EPOCH) * DAY)


def _tasks_of(catalog: Catalog) -> set[tuple[str, str]]:
    return {(source.dag_id, source.task_id) for feeds in catalog.feeds.values() for source, _ in feeds}


def run_path(dag_id: str, run_id: str) -> str:
    """Return the path of a run in Airflow's UI, relative to the page's address."""
    return f"../dags/{quote(dag_id, safe='')}/runs/{quote(run_id, safe='')}"


def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"STATES": STATES, "counted": counted, "run_path": run_path}
    environment.filters |= {"moment": utc_text, "size": size_text}
    return environment
