"""Lets the command line write to the sqlite database while a scheduler uses it.

Airflow creates a backfill's runs in savepoints that begin with a query. In sqlite such a transaction fails
with "database is locked" if another process has committed in the meantime. If it takes the write lock first,
it waits instead. Databases with row locks do not need this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Engine, event

if TYPE_CHECKING:
    from sqlalchemy import Connection


@event.listens_for(Engine, "savepoint")
def lock_before_a_savepoint(connection: Connection, _name: str) -> None:
    """Begin a write transaction unless one has begun."""
    database = connection.connection.dbapi_connection
    if connection.dialect.name == "sqlite" and not getattr(database, "in_transaction", True):
        connection.exec_driver_sql("BEGIN IMMEDIATE")
