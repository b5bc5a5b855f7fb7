"""Raises this package's errors as those of Airflow that make the scheduler do the right thing."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from airflow_provider_convexport.compat import (
    AirflowFailException,
    AirflowSkipException,
    AirflowTaskTimeout,
    reschedule_at,
)
from airflow_provider_convexport.errors import (
    ConfigurationError,
    ConvExportError,
    EndedFromOutside,
    ExpiredError,
    GapsFoundError,
    RateLimitedError,
    UnsettledError,
    VendorRejectedError,
)
from airflow_provider_convexport.log_lines import in_lines
from airflow_provider_convexport.task_pauses import check_max_pause, count_task_pause

if TYPE_CHECKING:
    from collections.abc import Iterator

log = logging.getLogger(__name__)


class ExportTimeoutError(AirflowTaskTimeout, EndedFromOutside):
    """The task's ``execution_timeout`` has ended the export; progress is kept for a retry."""


class ExportKilledError(SystemExit, EndedFromOutside):
    """SIGTERM has ended the export; progress is kept for a retry."""


@contextmanager
def airflow_errors(*, max_pause: timedelta | None = timedelta(days=2)) -> Iterator[None]:
    """Treat this package's errors in a ``@task`` as the operators do; a context manager and a decorator.

    All other errors pass, those of this package without the frames of their causes, and Airflow retries the
    task. A task that is rescheduled starts again from its first line and uses up no retry, so write results
    only after the last record was read. As a decorator, it belongs below ``@task``::

        @task
        @airflow_errors()
        def count(data_interval_start=None, data_interval_end=None):
            return sum(1 for _ in AdaHook().export_conversations(data_interval_start, data_interval_end))

    :param max_pause: Longest time in total that the vendor may ask one try of the task to pause for; ``None``
        for any. Pauses of more than two minutes are handed back to the scheduler and use no retry. Their sum
        is kept in the task state store, which Airflow 3.3 introduced; on older versions only a single pause
        that is longer ends the try.
    :raises AirflowFailException: instead of `ConfigurationError`, `VendorRejectedError` and
        `GapsFoundError`; Airflow does not retry.
    :raises AirflowRescheduleException: instead of `UnsettledError` and `RateLimitedError`; hands the slot
        back until the interval has settled, or the vendor allows the next request.
    :raises AirflowSkipException: instead of `ExpiredError`.
    :raises IncompleteExportError: instead of `RateLimitedError`, if the pauses are longer than ``max_pause``.
    """
    try:
        check_max_pause(max_pause)
        yield
    except (ConfigurationError, VendorRejectedError, GapsFoundError) as error:
        raise AirflowFailException(str(error)) from None
    except ExpiredError as error:
        # Airflow logs the reason of a skip in a group that its UI shows folded.
        log.warning("%s", in_lines(error))
        raise AirflowSkipException(str(error)) from None
    except UnsettledError as error:
        log.info("%s", in_lines(f"{error.problem}. The slot is handed back until then."))
        raise reschedule_at(error.settles_at) from None
    except RateLimitedError as error:
        if max_pause is not None:
            count_task_pause(error, max_pause=max_pause)
        log.warning("%s", in_lines(f"{error} The slot is handed back until then."))
        raise reschedule_at(datetime.now(UTC) + error.retry_after) from None
    except ConvExportError as error:
        # Its sentence says all that is known; the frames of its causes would only push it off the screen.
        raise error from None
