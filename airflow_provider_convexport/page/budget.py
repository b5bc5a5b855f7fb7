"""How much of the vendors' limits is in use, for each account that a connection and the datasets name."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

from airflow.models.connection import Connection
from sqlalchemy import select

from airflow_provider_convexport.cli.words import rates
from airflow_provider_convexport.compat import conf, server_context
from airflow_provider_convexport.errors import ConvExportError
from airflow_provider_convexport.export.fetch.budget_reading import uses_of
from airflow_provider_convexport.hooks.vendors import hook_of, vendors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.orm import Session

    from airflow_provider_convexport.export.fetch.budget_reading import Use
    from airflow_provider_convexport.hooks.base import ExportHook
    from airflow_provider_convexport.page.catalog import Catalog

log = logging.getLogger(__name__)


class Account(NamedTuple):
    """An account of a vendor, as a connection and a scope name it.

    :param uses: How much of each limit is in use.
    :param problem: Why that cannot be said, in a sentence; empty if it can.
    """

    title: str
    connection: str
    scope: str
    uses: list[tuple[str, Use]]
    problem: str


def accounts_in_use(session: Session, catalog: Catalog) -> list[Account]:
    """Return the accounts of the connections in Airflow's database and of the vendors' usual ones.

    The connections are read, to find the name that a budget counts by; nothing of them is shown but the id.
    """
    found = session.execute(
        select(Connection.conn_type, Connection.conn_id).where(Connection.conn_type.in_(vendors()))
    )
    named = {(vendor, f"{vendor}_default") for vendor in vendors()} | {(kind, name) for kind, name in found}
    scopes = {(data.key.vendor, data.key.scope) for data in catalog.datasets.values()}
    with server_context():
        return [
            account
            for vendor, connection in sorted(named)
            for account in _accounts(vendor, connection, sorted(each for of, each in scopes if of == vendor))
        ]


def _accounts(vendor: str, connection: str, scopes: list[tuple[tuple[str, str], ...]]) -> Iterator[Account]:
    kind = hook_of(vendor)
    try:
        settings = kind(**{f"{vendor}_conn_id": connection}).settings  # read once for all scopes
    except ConvExportError:
        return  # there is no such connection, or it cannot be used
    seen = set()
    for scope in scopes or [()]:
        text = ", ".join(value for _, value in scope)
        try:
            hook = kind(**{f"{vendor}_conn_id": connection, **dict(scope)})
            account = hook.account(settings)
        except (ConvExportError, TypeError):
            continue  # the connection is of no use without another scope
        if account in seen:
            continue
        seen.add(account)
        yield Account(kind.title, connection, text, *_uses(hook, account))


def _uses(hook: ExportHook, account: str) -> tuple[list[tuple[str, Use]], str]:
    storage = str(conf.get("convexport", "budget_storage", fallback="machine") or "machine").strip()
    if storage == "memory":
        return [], "Requests are counted in the memory of each process, which another cannot read."
    endpoints = [stream.path for stream in hook.streams.values()]
    try:
        uses = uses_of(storage, account, hook.limits, endpoints)
    except ConvExportError as error:
        return [], str(error)
    return [(rates([use.limit]), use) for use in uses], ""
