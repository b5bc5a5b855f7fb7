"""Exports from Applied Labs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_convexport.hooks.applied_labs import AppliedLabsHook
from airflow_provider_convexport.operators.base import ExportOperator

if TYPE_CHECKING:
    from collections.abc import Sequence


class AppliedLabsExportOperator(ExportOperator):
    """Exports the run's interval of a shop's conversations, with their messages, to object storage.

    ``window_on`` is ``"created_at"`` (default) or ``"last_message_at"``; ``filters`` may hold ``agent_id``,
    ``contact_id``, ``contact_id__in``, ``id``, ``id__in``, ``resolution`` and ``resolution__in``.

    :param applied_labs_conn_id: Airflow connection with the API key (templated).
    :param shop_id: UUID of the shop, instead of the connection's (templated).
    :param kwargs: See `ExportOperator` for all further arguments.
    """

    template_fields: Sequence[str] = (*ExportOperator.template_fields, "applied_labs_conn_id", "shop_id")

    def __init__(
        self,
        *,
        applied_labs_conn_id: str = AppliedLabsHook.default_conn_name,
        shop_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.applied_labs_conn_id = applied_labs_conn_id
        self.shop_id = shop_id

    @property
    def hook(self) -> AppliedLabsHook:
        """The hook for this task's connection and shop."""
        return AppliedLabsHook(self.applied_labs_conn_id, shop_id=self.shop_id)
