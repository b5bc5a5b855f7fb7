"""The Airflow plugin of this package, registered through the entry point group ``airflow.plugins``.

The scheduler, the Dag processor and the API server deserialize only the timetables of registered plugins, so
this package must be installed in all three. All of them load this module, so it imports little: the app of
the coverage page is imported with its first request.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from airflow.providers.common.compat.sdk import AirflowPlugin, conf

from airflow_provider_convexport import last_line
from airflow_provider_convexport.page.mount import CoveragePage
from airflow_provider_convexport.timetables.export_window import ExportWindowTimetable

URL_PREFIX = "/convexport"


def page_address() -> str:
    """Return the path of the coverage page, behind the path of ``[api] base_url``."""
    base = urlsplit(str(conf.get("api", "base_url", fallback="") or "")).path.rstrip("/")
    return f"{base}{URL_PREFIX}/"


class ConversationExportPlugin(AirflowPlugin):
    """Registers `ExportWindowTimetable`, the coverage page, and the listener that ends failed tasks' logs."""

    name = "convexport"
    timetables = [ExportWindowTimetable]  # noqa: RUF012 - as the base class declares it
    listeners = [last_line]  # noqa: RUF012 - likewise
    fastapi_apps = [  # noqa: RUF012 - likewise
        {"app": CoveragePage(), "url_prefix": URL_PREFIX, "name": "Conversation exports"}
    ]
    external_views = [  # noqa: RUF012 - likewise
        {
            "name": "Conversation exports",
            "href": page_address(),
            "destination": "nav",
            "category": "browse",
            "url_route": "convexport",
        }
    ]
