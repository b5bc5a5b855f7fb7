"""What Airflow loads as a plugin, by the entry point group ``airflow.plugins``.

The scheduler, the Dag processor and the API server only read timetables of registered plugins; all of them
need this package.
"""

from __future__ import annotations

from airflow.providers.common.compat.sdk import AirflowPlugin

from airflow_provider_convexport.timetables.export_window import ExportWindowTimetable


class ConversationExportPlugin(AirflowPlugin):
    """Registers the timetable."""

    name = "convexport"
    timetables = [ExportWindowTimetable]  # noqa: RUF012 - as the base class declares it
