"""How much of a budget is in use, without using any of it and without creating anything."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_convexport.export.fetch.budget_file import boot_clock, boot_id
from airflow_provider_convexport.export.fetch.budget_redis import is_redis, redis_client
from airflow_provider_convexport.export.fetch.budget_storage import KEY_PREFIX, rates_of
from airflow_provider_convexport.export.fetch.shared_folder import file_of, machine_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from airflow_provider_convexport.export.fetch.limit import Limit

_TABLE = "rate_bucket"
"""The library's table of requests."""


class Use(NamedTuple):
    """How many requests of a limit's current period are counted.

    :param endpoint: Path of the endpoint; empty if all endpoints share the limit.
    :param requests: The number; ``None`` if nothing was counted yet, or it cannot be read.
    """

    limit: Limit
    endpoint: str
    requests: int | None


def uses_of(
    storage: str,
    account: str,
    limits: Iterable[Limit],
    endpoints: Iterable[str],
    *,
    folder: Path | None = None,
) -> list[Use]:
    """Return how much of an account's limits is in use.

    :param storage: ``[convexport] budget_storage``; what is counted in the memory of another process cannot
        be read.
    :param account: What the vendor counts requests by, as the budget names it.
    :param limits: The vendor's limits.
    :param endpoints: Paths of the vendor's endpoints.
    :param folder: Folder of the machine's files; the usual one if left out.
    """
    known, paths = tuple(limits), sorted(set(endpoints))
    reader = _reader_of(storage, folder)
    return [
        Use(limit, endpoint, reader(name, _period(limit)))
        for limit, endpoint, name in _counters(known, account, paths)
    ]


def _counters(
    limits: tuple[Limit, ...], account: str, endpoints: list[str]
) -> Iterator[tuple[Limit, str, str]]:
    for limit in limits:
        if not limit.per_endpoint:
            yield limit, "", account
            continue
        yield from ((limit, endpoint, f"{account}:{endpoint}") for endpoint in endpoints)


def _period(limit: Limit) -> int:
    return int(rates_of((limit,))[0].interval)


def _reader_of(storage: str, folder: Path | None) -> Any:
    if storage == "machine":
        return lambda name, period: _of_file(
            file_of(folder or machine_folder(), name, "budget.sqlite"), period
        )
    if is_redis(storage):
        client: Any = redis_client(storage, retries=0)
        return lambda name, period: _of_redis(client, f"{KEY_PREFIX}{name}", period)
    return lambda _name, _period: None


def _of_file(path: Path, period: int) -> int | None:
    if not path.is_file():
        return None
    try:
        with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=1)) as file:
            boot, moment, wall = file.execute("SELECT boot, moment, wall FROM clock").fetchone()
            now = round(boot_clock() * 1000)
            if boot != boot_id():  # the machine was started again since; the wall clock tells the age
                now = moment + max(0, round(time.time() * 1000) - wall)
            first = now - period
            sql = f"SELECT count(*) FROM '{_TABLE}' WHERE item_timestamp > ?"  # noqa: S608 - the constant
            return int(file.execute(sql, (first,)).fetchone()[0])
    except (sqlite3.Error, TypeError):
        return None


def _of_redis(client: Any, key: str, period: int) -> int | None:
    from redis.exceptions import RedisError

    with contextlib.suppress(RedisError):
        seconds, micros = client.time()
        now = seconds * 1000 + micros // 1000
        if not client.exists(key):
            return None
        return int(client.zcount(key, now - period, "(+inf"))
    return None
