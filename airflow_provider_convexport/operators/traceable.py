"""An operator whose tries can be followed: by links from its page, and by OpenLineage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_convexport.operators.ending import EndingOperator
from airflow_provider_convexport.operators.lineage import lineage_of
from airflow_provider_convexport.operators.links import ObjectStoreLink, PartitionsLink

if TYPE_CHECKING:
    from collections.abc import Collection

    from airflow.providers.openlineage.extractors import OperatorLineage
    from airflow.sdk import BaseOperatorLink

    from airflow_provider_convexport.operators.trace import Trace


class TraceableOperator(EndingOperator):
    """An operator that keeps a trace of its try: what it reads, and what it has published so far."""

    operator_extra_links: Collection[BaseOperatorLink] = (PartitionsLink(), ObjectStoreLink())
    trace: Trace | None = None
    """What is known of the try that runs or has ended; ``None`` until its arguments are checked."""

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any]:  # noqa: ARG002
        """Return what the try has read and published; Airflow's OpenLineage provider calls it.

        It is called for failed and skipped tries, too; these name what they have published by then.
        """
        return lineage_of(self.trace)
