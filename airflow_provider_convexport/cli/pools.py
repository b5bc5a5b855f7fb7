"""Looks for a pool: Airflow never starts a task whose pool does not exist, and such a task has no log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from airflow_provider_convexport.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

    PoolLookup = Callable[[str], bool | None]
    """Tells whether tasks can run in a pool; ``None`` if that cannot be known here."""


def pool_problem(name: str, *, slots: int, description: str) -> str:
    """Return a sentence on what is wrong with a pool; it is empty if tasks can run in it.

    :param name: Name of the pool.
    :param slots: Slots to create it with.
    :param description: Description to create it with.
    :raises ConfigurationError: if this process cannot read Airflow's database.
    """
    found = _slots_of(name)
    if found not in (None, 0):  # a negative number is no limit
        return ""
    problem = "does not exist" if found is None else "has no slots"
    return (
        f"The pool {name} {problem}, so Airflow will never start a task that names it, and the task's log "
        f'stays empty; run: airflow pools set {name} {slots} "{description}"'
    )


def is_usable(name: str) -> bool:
    """Tell whether a pool exists and has slots.

    :raises ConfigurationError: if this process cannot read Airflow's database.
    """
    return _slots_of(name) not in (None, 0)


def is_usable_if_known(name: str) -> bool | None:
    """Tell whether a pool exists and has slots; ``None`` if this process cannot read Airflow's database."""
    try:
        return is_usable(name)
    except ConfigurationError:
        return None


def not_looked(_: str) -> None:
    """Tell nothing of any pool."""


def pool_commands(name: str, *, slots: int, description: str, usable: bool | None) -> list[str]:
    """Return the command that a pool needs before tasks run in it; none if they can run in it already.

    ``airflow pools set`` replaces the slots of a pool that exists, which somebody may have chosen. So where
    it is not known whether the pool exists, the command looks first.

    :param name: Name of the pool.
    :param slots: Slots to create it with.
    :param description: Description to create it with.
    :param usable: What a `PoolLookup` says of it.
    """
    if usable:
        return []
    create = f'airflow pools set {name} {slots} "{description}"'
    return [create if usable is False else f"airflow pools get {name} || {create}"]


def _slots_of(name: str) -> int | None:
    from airflow.models.pool import Pool  # noqa: PLC0415 - loads Airflow's database

    try:
        pool = Pool.get_pool(name)
    except SQLAlchemyError as error:
        raise ConfigurationError(
            f"Airflow's database cannot be read here ({type(error).__name__}), so nobody knows whether the "
            f"pool {name} exists; run this where airflow pools list works, or leave out --pool or --run."
        ) from None
    return None if pool is None else int(pool.slots)
