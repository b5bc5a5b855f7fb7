"""Airflow's API server in this process, with the coverage page mounted by its plugin."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cached_property

import httpx


class Server:
    """Answers requests as Airflow's API server does, with its own auth manager.

    :param root_path: Path in front of all of Airflow's, as behind a proxy.
    """

    def __init__(self, root_path=""):
        self.root_path = root_path

    @cached_property
    def app(self):
        from airflow.api_fastapi.app import create_app  # noqa: PLC0415 - the home comes first

        return create_app(apps="core")

    def token(self, role):
        from airflow.api_fastapi.app import get_auth_manager  # noqa: PLC0415 - the home comes first
        from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser  # noqa: PLC0415 - the home comes first

        self.app  # noqa: B018 - it creates the auth manager
        return get_auth_manager().generate_jwt(SimpleAuthManagerUser(username="somebody", role=role))

    async def get(self, path, *, role="admin", prefix="/convexport/", cookie=False, method="GET"):
        """Return the answer to one request; ``role=None`` for somebody who has not signed in."""
        headers, cookies = {}, {}
        if role is not None and cookie:
            cookies = {"_token": self.token(role)}
        elif role is not None:
            headers = {"Authorization": f"Bearer {self.token(role)}"}
        transport = httpx.ASGITransport(app=self.app)
        base = f"http://airflow{self.root_path}{prefix}"
        async with httpx.AsyncClient(transport=transport, cookies=cookies) as client:
            return await client.request(method, f"{base}{path}", headers=headers)


@contextmanager
def counted_queries():
    """Yield a list that receives each statement which is sent to Airflow's database."""
    from airflow import settings  # noqa: PLC0415 - the home comes first
    from sqlalchemy import event  # noqa: PLC0415 - likewise

    statements = []

    def note(connection, cursor, statement, parameters, context, executemany):
        statements.append(statement)

    event.listen(settings.engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(settings.engine, "before_cursor_execute", note)
