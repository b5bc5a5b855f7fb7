"""Lets several processes and requests write to the sqlite database of an Airflow.

Databases with row locks need none of it.

Airflow creates a backfill's runs in savepoints that begin with a query. In sqlite such a transaction fails
with "database is locked" if another process has committed in the meantime. If it takes the write lock first,
it waits instead.

The API server writes its audit log on its event loop. If another request, in a thread, holds the write lock,
it cannot commit before the loop goes on, and the loop waits for the lock: the trigger form, which triggers a
run and unpauses the Dag at once, would stop the server for as long as sqlite waits. So statements on an event
loop wait shortly and fail; the UI and the cluster's client repeat the request.

A commit does not wait for the disk, so that writers hold the lock shortly. What a killed process has
committed stays; after a loss of power the last commits may be gone.
"""

from __future__ import annotations

import asyncio
import sqlite3
from typing import TYPE_CHECKING

from sqlalchemy import Engine, event

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor

LONG_WAIT, SHORT_WAIT = 60_000, 300
"""Milliseconds to wait for the write lock: in a thread, on an event loop."""


@event.listens_for(Engine, "connect")
def commit_without_waiting_for_the_disk(connection: DBAPIConnection, _record: object) -> None:
    """Let a commit of a sqlite database in WAL mode only write."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous=NORMAL")


@event.listens_for(Engine, "savepoint")
def lock_before_a_savepoint(connection: Connection, _name: str) -> None:
    """Begin a write transaction unless one has begun."""
    database = connection.connection.dbapi_connection
    if connection.dialect.name == "sqlite" and not getattr(database, "in_transaction", True):
        connection.exec_driver_sql("BEGIN IMMEDIATE")


@event.listens_for(Engine, "before_cursor_execute")
def wait_shortly_on_an_event_loop(connection: Connection, cursor: DBAPICursor, *_: object) -> None:
    """Set for how long a statement waits for the write lock."""
    if connection.dialect.name != "sqlite" or connection.dialect.is_async:
        return
    wait = SHORT_WAIT if _on_an_event_loop() else LONG_WAIT
    if connection.info.get("convexport_wait", LONG_WAIT) != wait:
        cursor.execute(f"PRAGMA busy_timeout={wait}", ())
        connection.info["convexport_wait"] = wait


def _on_an_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
