"""Ends the log of a failed task with the sentence that says what to change, below Airflow's traceback.

Airflow's UI shows an exception's message as the title of its traceback, where a long one runs off the screen.
"""

from __future__ import annotations

import logging

from airflow.listeners import hookimpl

from airflow_provider_convexport.errors import ConvExportError

log = logging.getLogger(__name__)


@hookimpl
def on_task_instance_failed(error: BaseException | str | None) -> None:
    """Log an expected error's sentence as one ERROR line; called in a task's process after its traceback."""
    # What the operators raise for Airflow has the error itself as its suppressed context.
    context = getattr(error, "__context__", None)
    if isinstance(error, ConvExportError) or isinstance(context, ConvExportError):
        # Airflow opens a group below its traceback, which its UI shows folded; without one this does nothing.
        log.info("::endgroup::")
        log.error("%s", error)
