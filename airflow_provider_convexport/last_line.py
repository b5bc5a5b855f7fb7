"""Ends the log of a failed task with the sentence that says what to change, below Airflow's traceback.

Airflow's UI shows an exception's message as the title of its traceback, where a long one runs off the screen.
"""

from __future__ import annotations

import logging

from airflow.listeners import hookimpl

from airflow_provider_convexport.errors import ConvExportError, EndedFromOutside
from airflow_provider_convexport.log_lines import in_lines

log = logging.getLogger(__name__)

_EXPECTED = (ConvExportError, EndedFromOutside)


@hookimpl
def on_task_instance_failed(error: BaseException | str | None) -> None:
    """Log an expected error's sentence as an ERROR record; called in a task's process after its traceback."""
    # What the operators raise for Airflow has the error itself as its suppressed context.
    if isinstance(error, _EXPECTED) or isinstance(getattr(error, "__context__", None), ConvExportError):
        # Airflow opens a group below its traceback, which its UI shows folded; without one this does nothing.
        log.info("::endgroup::")
        log.error("%s", in_lines(error))
