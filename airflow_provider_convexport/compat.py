"""Names that Airflow 3.1, 3.2 and 3.3 keep in different modules, and what Airflow has no public name for."""

from __future__ import annotations

import os
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowNotFoundException,
    AirflowSkipException,
    BaseHook,
    Stats,
    conf,
    mask_secret,
)
from airflow.sdk import Asset

try:
    from airflow.sdk.exceptions import AirflowRescheduleException, AirflowTaskTimeout
except ImportError:  # Airflow 3.1
    from airflow.exceptions import (  # type: ignore[no-redef]  # 3.3 has an AirflowTaskTimeout here, too
        AirflowRescheduleException,
        AirflowTaskTimeout,
    )

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

__all__ = [
    "AirflowFailException",
    "AirflowNotFoundException",
    "AirflowRescheduleException",
    "AirflowSkipException",
    "AirflowTaskTimeout",
    "BaseHook",
    "Stats",
    "asset_events",
    "conf",
    "dag_bag",
    "file_system_modules",
    "mask_secret",
    "reschedule_at",
    "scheduler_dag",
    "serialized_dag",
    "server_context",
]

_PROCESS_CONTEXT = "_AIRFLOW_PROCESS_CONTEXT"


def reschedule_at(moment: datetime) -> AirflowRescheduleException:
    """Return the exception that hands a task's slot back until ``moment`` without using up a retry."""
    return AirflowRescheduleException(moment)  # type: ignore[no-untyped-call]


def asset_events(*, name: str, uri: str, since: datetime) -> list[Any]:
    """Return the events of an asset since a moment (closed); it works only in a task.

    Airflow's public name for it, ``inlet_events``, needs the asset among the task's inlets.
    """
    asset = Asset(name, uri=uri)
    events = import_module("airflow.sdk.execution_time.context").InletEventsAccessors([asset])[asset]
    if hasattr(events, "after"):  # Airflow 3.1 sends all of them
        events = events.after(since.isoformat())
    return [event for event in events if event.timestamp >= since]


def file_system_modules() -> set[str]:
    """Return the modules of the file systems of all installed providers, without importing them."""
    try:
        manager = import_module("airflow.sdk.providers_manager_runtime").ProvidersManagerTaskRuntime()
    except ImportError:  # Airflow 3.1
        manager = import_module("airflow.providers_manager").ProvidersManager()
    return {
        module for provider in manager.providers.values() for module in provider.data.get("filesystems", ())
    }


@contextmanager
def server_context() -> Iterator[None]:
    """Look up connections as Airflow's servers do: in secrets backends, the environment and the database.

    Elsewhere than in a task, Airflow leaves its database out unless this variable says that the process is a
    server. Airflow's own commands on connections set it, too; it has no public name in 3.1, 3.2 and 3.3.
    """
    before = os.environ.get(_PROCESS_CONTEXT)
    os.environ[_PROCESS_CONTEXT] = "server"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_PROCESS_CONTEXT]
        else:
            os.environ[_PROCESS_CONTEXT] = before


def dag_bag(path: str | Path, *, bundle_path: Path, bundle_name: str) -> Any:
    """Return Airflow's bag of the Dags of a folder or a file, as ``airflow dags list`` reads them."""
    try:
        module = import_module("airflow.dag_processing.dagbag")
    except ImportError:  # Airflow 3.1
        module = import_module("airflow.models.dagbag")
        return module.DagBag(path, include_examples=False, bundle_path=bundle_path)
    return module.DagBag(path, bundle_path=bundle_path, bundle_name=bundle_name)


def serialized_dag(dag: Any) -> Any:
    """Return a Dag as Airflow's database holds it."""
    return _dag_serialization().serialize_dag(dag)


def scheduler_dag(dag: Any) -> Any:
    """Return a Dag as the scheduler and ``airflow backfill create`` see it."""
    return _dag_serialization().deserialize_dag(serialized_dag(dag))


def _dag_serialization() -> Any:
    module = import_module("airflow.serialization.serialized_objects")
    return getattr(module, "DagSerialization", None) or module.SerializedDAG  # Airflow 3.1
