"""Exports from Ada."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_convexport.hooks.ada import AdaHook
from airflow_provider_convexport.operators.base import ExportOperator

if TYPE_CHECKING:
    from collections.abc import Sequence


class AdaExportOperator(ExportOperator):
    """Exports the run's interval of an Ada instance's conversations or messages to object storage.

    ``stream`` is ``"conversations"`` (default) or ``"messages"``. For conversations ``window_on`` is
    ``"created"`` (default) or ``"updated"``; for messages ``filters`` may hold ``conversation_id``.

    :param ada_conn_id: Airflow connection with the instance's address and the API key (templated).
    :param kwargs: See `ExportOperator` for all further arguments.
    """

    template_fields: Sequence[str] = (*ExportOperator.template_fields, "ada_conn_id")

    def __init__(self, *, ada_conn_id: str = AdaHook.default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ada_conn_id = ada_conn_id

    @property
    def hook(self) -> AdaHook:
        """The hook for this task's connection."""
        return AdaHook(self.ada_conn_id)
