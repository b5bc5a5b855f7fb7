"""Acme, a vendor that exists in tests only: its hook."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.export.fetch.limit import Limit
from airflow_provider_convexport.export.fetch.pagination import Cursor
from airflow_provider_convexport.export.fetch.stream import PageSize, Stream
from airflow_provider_convexport.export.window import Window, iso
from airflow_provider_convexport.hooks.base import ExportHook
from airflow_provider_convexport.hooks.settings import Settings


def _window_params(window: Window, window_on: str) -> dict[str, str]:
    return {"select_by": window_on, "from": iso(window.start), "until": iso(window.end)}


def _stream(name: str, id_field: str, time_fields: Mapping[str, str]) -> Stream:
    return Stream(
        vendor="acme",
        title="Acme",
        name=name,
        path=f"/acme/v1/{name}/search",
        list_keys=("results",),
        # Every answer holds a cursor, the last one, too; only the flag tells that it is the last.
        pagination=Cursor(
            ("paging", "cursor"), parameter="cursor", end_flag=("paging", "end_of_stream"), method="POST"
        ),
        id_field=id_field,
        time_fields=time_fields,
        page_size=PageSize("limit", default=200, minimum=10, maximum=200),
        request_window=timedelta(days=10),
        max_window=timedelta(days=30),
        window_params=_window_params,
        settle=timedelta(minutes=30),
        history=timedelta(days=365),
        concurrency=3,
    )


CONVERSATIONS = _stream("conversations", "number", {"opened": "opened_at", "changed": "changed_at"})
MESSAGES = _stream("messages", "uid", {"sent": "sent_at"})


class AcmeHook(ExportHook):
    """Reads conversations and messages of one team."""

    conn_name_attr = "acme_conn_id"
    default_conn_name = "acme_default"
    conn_type = "acme"
    hook_name = "Acme"
    title = "Acme"
    address = "https://api.acme.example"
    extras = ("team_id",)
    limits = (Limit(5, timedelta(seconds=1)), Limit(120, timedelta(minutes=1)))
    streams: ClassVar[Mapping[str, Stream]] = {"conversations": CONVERSATIONS, "messages": MESSAGES}
    advice: ClassVar[Mapping[int, str]] = {401: "Check the API key in the connection's password."}

    def __init__(self, acme_conn_id: str = default_conn_name, *, team_id: str | None = None) -> None:
        super().__init__(acme_conn_id)
        self.acme_conn_id = acme_conn_id
        self.team_id = team_id

    def scope(self) -> dict[str, str]:
        """Return the team."""
        team_id = self.team_id or self.settings.extras.get("team_id", "")
        if not team_id:
            raise ConfigurationError(f"Set the extra team_id of the connection {self.http_conn_id}.")
        return {"team_id": team_id}

    def scope_params(self) -> dict[str, str]:
        """Return the team as a member of the request's body."""
        return self.scope()

    def auth_headers(self, settings: Settings) -> dict[str, str]:
        """Return the key."""
        return {"Acme-Key": settings.key}

    def export_conversations(
        self, start: datetime | str, end: datetime | str, window_on: str = "opened"
    ) -> Iterator[dict[str, Any]]:
        """Yield the conversations of a half-open interval."""
        return self._records(self.query(window_on=window_on), start, end)
