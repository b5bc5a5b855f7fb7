"""Looks for a pool: Airflow never starts a task whose pool does not exist, and such a task has no log."""

from __future__ import annotations

from sqlalchemy.exc import SQLAlchemyError

from airflow_provider_convexport.errors import ConfigurationError


def pool_problem(name: str, *, slots: int, description: str) -> str:
    """Return a sentence on what is wrong with a pool; it is empty if tasks can run in it.

    :param name: Name of the pool.
    :param slots: Slots to create it with.
    :param description: Description to create it with.
    :raises ConfigurationError: if this process cannot read Airflow's database.
    """
    found = _slots_of(name)
    if found is not None and found != 0:  # a negative number is no limit
        return ""
    problem = "does not exist" if found is None else "has no slots"
    return (
        f"The pool {name} {problem}, so Airflow will never start a task that names it, and the task's log "
        f'stays empty; run: airflow pools set {name} {slots} "{description}"'
    )


def _slots_of(name: str) -> int | None:
    from airflow.models.pool import Pool  # noqa: PLC0415 - loads Airflow's database

    try:
        pool = Pool.get_pool(name)
    except SQLAlchemyError as error:
        raise ConfigurationError(
            f"Airflow's database cannot be read here ({type(error).__name__}), so nobody knows whether the "
            f"pool {name} exists; run this where airflow pools list works, or leave out --pool."
        ) from None
    return None if pool is None else int(pool.slots)
