"""The Airflow plugin of this package, registered through the entry point group ``airflow.plugins``.

The scheduler, the Dag processor and the API server deserialize only the timetables of registered plugins, so
this package must be installed in all three.
"""

from __future__ import annotations

from airflow.providers.common.compat.sdk import AirflowPlugin

from airflow_provider_convexport import last_line
from airflow_provider_convexport.timetables.export_window import ExportWindowTimetable


class ConversationExportPlugin(AirflowPlugin):
    """Registers `ExportWindowTimetable`, and the listener that ends the log of a failed task."""

    name = "convexport"
    timetables = [ExportWindowTimetable]  # noqa: RUF012 - as the base class declares it
    listeners = [last_line]  # noqa: RUF012 - likewise
