"""Airflow's API server in this process, over the tests' own database."""

from __future__ import annotations

import asyncio
import warnings

import pytest
from sqlalchemy.orm import configure_mappers

from tests.support import page_events
from tests.support.page_server import Server


@pytest.fixture(scope="session")
def server(airflow_db):
    """Airflow's API server with an auth manager in which viewers may not see plugins."""
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Airflow's own, of its libraries
        patch.setenv("AIRFLOW__CORE__AUTH_MANAGER", "tests.support.page_auth.NoPluginsForViewers")
        patch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", "of-the-tests" * 8)
        server = Server()
        server.token("admin")
        configure_mappers()  # here, because some of Airflow's warn
        yield server
        from airflow.api_fastapi.app import purge_cached_app  # noqa: PLC0415 - the home comes first

        purge_cached_app()


@pytest.fixture
def get(server):
    """Return the answer to a request, by default as somebody who may see everything."""
    return lambda path="", **more: asyncio.run(server.get(path, **more))


@pytest.fixture
def write(server):
    """Put events into Airflow's database, in place of those that are there."""
    from airflow.utils.session import create_session  # noqa: PLC0415 - the home comes first

    def put(*rows):
        assets = page_events.asset_rows(sorted({f"asset_{row['asset_id']}" for row in rows}))
        with create_session() as session:
            page_events.write(session, assets, list(rows))

    yield put
    put()
