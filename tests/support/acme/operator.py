"""Acme, a vendor that exists in tests only: its operator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow_provider_convexport.operators.base import ExportOperator
from tests.support.acme.hook import AcmeHook


class AcmeExportOperator(ExportOperator):
    """Exports the run's interval of one team's conversations or messages."""

    template_fields: Sequence[str] = (*ExportOperator.template_fields, "acme_conn_id", "team_id")

    def __init__(
        self, *, acme_conn_id: str = AcmeHook.default_conn_name, team_id: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.acme_conn_id = acme_conn_id
        self.team_id = team_id

    @property
    def hook(self) -> AcmeHook:
        """The hook for this task's connection and team."""
        return AcmeHook(self.acme_conn_id, team_id=self.team_id)
