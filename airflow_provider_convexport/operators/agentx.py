"""Exports from AgentX Support by Workato."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_convexport.hooks.agentx import AgentXHook
from airflow_provider_convexport.operators.base import ExportOperator

if TYPE_CHECKING:
    from collections.abc import Sequence


class AgentXExportOperator(ExportOperator):
    """Exports the run's interval of one bot's conversations or messages to object storage.

    ``stream`` is ``"conversations"`` (default) or ``"messages"``; for messages ``filters`` may hold
    ``conversation_id``. For several bots, map the operator over their names.

    The vendor does not say whether it selects conversations by ``startTime`` or by ``lastActionAt``. Unless
    ``window_on`` names one of them, the one that is proven for the account is used: by a probe before the
    first export, and by every page. If no conversation tells, it is ``startTime``. A ``window_on`` that is
    proven wrong fails the task without retry.

    :param agentx_conn_id: Airflow connection with the API key (templated).
    :param bot_name: Name or id of the bot, instead of the connection's (templated).
    :param kwargs: See `ExportOperator` for all further arguments.
    """

    template_fields: Sequence[str] = (*ExportOperator.template_fields, "agentx_conn_id", "bot_name")

    def __init__(
        self,
        *,
        agentx_conn_id: str = AgentXHook.default_conn_name,
        bot_name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.agentx_conn_id = agentx_conn_id
        self.bot_name = bot_name

    @property
    def hook(self) -> AgentXHook:
        """The hook for this task's connection and bot."""
        return AgentXHook(self.agentx_conn_id, bot_name=self.bot_name)
