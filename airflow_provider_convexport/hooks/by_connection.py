"""Finds the hook of a connection; the connection's type says of which vendor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_convexport.compat import AirflowNotFoundException, BaseHook
from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.hooks.vendors import hook_of

if TYPE_CHECKING:
    from airflow_provider_convexport.hooks.base import ExportHook


def hook_at(conn_id: str, scope: Mapping[str, str] | None = None) -> ExportHook:
    """Return the hook of a connection.

    :param conn_id: Id of the connection.
    :param scope: Shop or bot in place of the connection's, such as ``{"bot_name": "support"}``.
    :raises ConfigurationError: if there is no such connection, it is not to a vendor of this package, or the
        vendor has no such scope.
    """
    try:
        conn_type = BaseHook.get_connection(conn_id).conn_type
    except AirflowNotFoundException:
        raise ConfigurationError(
            f"The connection {conn_id} does not exist; create it, or name another."
        ) from None
    hook: Any = hook_of(str(conn_type))
    if not isinstance(scope, (Mapping, type(None))) or set(scope or ()) - set(hook.extras):
        allowed = f"names of {list(hook.extras)}" if hook.extras else "none; leave it out"
        raise ConfigurationError(f"scope={scope!r} does not exist at {hook.title}, which has {allowed}.")
    found: ExportHook = hook(conn_id, **(scope or {}))
    return found
