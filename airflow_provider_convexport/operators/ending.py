"""How a task ends that is told to: by SIGTERM, or by its ``execution_timeout``."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, TypeVar

from airflow.sdk import BaseOperator

from airflow_provider_convexport.airflow_errors import (
    ExportKilledError,
    ExportTimeoutError,
    airflow_errors,
)
from airflow_provider_convexport.compat import AirflowTaskTimeout
from airflow_provider_convexport.errors import ConvExportError

if TYPE_CHECKING:
    from collections.abc import Callable

ResultT = TypeVar("ResultT")


class EndingOperator(BaseOperator):
    """An operator whose work ends within seconds when it is told to, with a sentence that ends the log."""

    killed: ClassVar[str]
    """What to say after SIGTERM."""
    timed_out: ClassVar[str]
    """What to say after a timeout."""
    _is_working = False

    def on_kill(self) -> None:
        """End the work within seconds.

        Airflow calls this on SIGTERM, in the main thread, whose work goes on if it returns.
        Nothing is done after a timeout, for which Airflow calls this when the work has ended already.

        :raises ExportKilledError: if the work goes on; it ends the try, and Airflow retries it if it may.
        """
        if self._is_working:
            self._is_working = False
            raise ExportKilledError(self.killed)

    def _until_ended(self, work: Callable[[], ResultT]) -> ResultT:
        """Do the task's work; errors of this package become those of Airflow.

        :raises ExportTimeoutError: if the task reaches its ``execution_timeout``.
        """
        self._is_working = True
        try:
            with airflow_errors(max_pause=None):  # the export itself bounds the pauses
                return work()
        except ConvExportError as error:
            # Without the frames of the engine and of its causes: the sentence says all that is known.
            raise error.with_traceback(None) from None
        except AirflowTaskTimeout:
            raise ExportTimeoutError(self.timed_out) from None
        finally:
            self._is_working = False
