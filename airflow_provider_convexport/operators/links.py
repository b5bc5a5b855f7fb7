"""Links from a task's page: to its partitions on the coverage page, and to the console of its store.

Airflow asks for them on the worker when a try ends, however it ends, and keeps the answers as XComs. So they
hold no secret, and nothing is asked of anybody here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

from airflow.sdk import BaseOperatorLink

from airflow_provider_convexport.compat import conf

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator

    from airflow_provider_convexport.operators.trace import Trace


class PartitionsLink(BaseOperatorLink):
    """Leads to the try's days on the coverage page."""

    name = "Partitions"

    def get_link(self, operator: BaseOperator, *, ti_key: Any) -> str:  # noqa: ARG002 - Airflow's signature
        """Return the link; empty if the try ended before it knew its days, or writes to a catalog."""
        trace = _trace_of(operator)
        if trace is None or not trace.dataset or not trace.days[0]:
            return ""
        base = urlsplit(str(conf.get("api", "base_url", fallback="") or "")).path.rstrip("/")
        first, last = trace.days
        query = urlencode({"root": trace.dataset, "from": first, "to": last}, quote_via=quote, safe="")
        return f"{base}/convexport/dataset?{query}"


class ObjectStoreLink(BaseOperatorLink):
    """Leads to the dataset in the console of Amazon, Google or Azure."""

    name = "Object store"

    def get_link(self, operator: BaseOperator, *, ti_key: Any) -> str:  # noqa: ARG002 - Airflow's signature
        """Return the link; empty if the destination is none of these clouds."""
        trace = _trace_of(operator)
        return "" if trace is None else trace.store_page


def _trace_of(operator: object) -> Trace | None:
    return getattr(operator, "trace", None)
