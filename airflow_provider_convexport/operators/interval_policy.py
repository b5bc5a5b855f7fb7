"""What an export does about an interval that the vendor does not have completely: not yet, or no longer."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, get_args

from airflow_provider_convexport.compat import AirflowSkipException, reschedule_at
from airflow_provider_convexport.errors import ConfigurationError, IncompleteExportError
from airflow_provider_convexport.export.fetch.availability import expires_before, kept_from, settles_at
from airflow_provider_convexport.export.window import iso

if TYPE_CHECKING:
    from datetime import timedelta

    from airflow_provider_convexport.export.job import Job

OnUnsettled = Literal["wait", "fail", "export"]
OnExpired = Literal["fail", "clip", "export"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class IntervalPolicy:
    """The operator's arguments about intervals that have not settled or have begun to expire.

    :param on_unsettled: What to do before the interval has settled: ``"wait"``, ``"fail"`` or ``"export"``.
    :param settle: How long after its end the interval settles; ``None`` for the vendor's own.
    :param on_expired: What to do if the vendor no longer keeps the interval's beginning: ``"fail"``,
        ``"clip"`` or ``"export"``.
    :raises ConfigurationError: for another word.
    """

    on_unsettled: OnUnsettled
    settle: timedelta | None
    on_expired: OnExpired

    def __post_init__(self) -> None:
        _check_word("on_unsettled", self.on_unsettled, get_args(OnUnsettled))
        _check_word("on_expired", self.on_expired, get_args(OnExpired))

    def require_settled(self, job: Job) -> None:
        """Return if the job's interval has settled or may be exported before that.

        :raises ConfigurationError: if ``settle`` is not a timedelta of zero or more.
        :raises AirflowRescheduleException: if the task waits; names the moment at which the interval settles.
        :raises IncompleteExportError: if the task does not wait.
        """
        settled = settles_at(job.interval, job.query.stream, self.settle)
        if self.on_unsettled == "export" or settled <= datetime.now(UTC):
            return
        problem = (
            f"The interval {job.interval} settles at {iso(settled)}; until then "
            f"{job.query.stream.title} may still add records to it"
        )
        if self.on_unsettled == "fail":
            raise IncompleteExportError(
                f"{problem}. Nothing was exported; run later, or use on_unsettled='wait'."
            )
        log.info("%s. The slot is handed back until then.", problem)
        raise reschedule_at(settled)

    def without_expired(self, job: Job) -> Job:
        """Return the job without the part of its interval that the vendor no longer keeps.

        :raises ConfigurationError: if such a part exists and may not be left out.
        :raises AirflowSkipException: if the vendor keeps nothing of the interval.
        """
        stream, now = job.query.stream, datetime.now(UTC).replace(microsecond=0)
        begin, limit = kept_from(job.interval, stream, now), expires_before(stream, now)
        if begin is None or limit is None or stream.history is None or self.on_expired == "export":
            return job
        problem = (
            f"{stream.title} keeps {stream.name} for {stream.history.days} days, so of the interval "
            f"{job.interval} it no longer has"
        )
        if self.on_expired == "fail":
            raise ConfigurationError(
                f"{problem} what lies before {iso(limit)}. Begin later, or use on_expired='clip' to export "
                "what is left."
            )
        if begin >= job.interval.end:
            raise AirflowSkipException(f"{problem} anything, and nothing was exported.")
        log.warning("%s what lies before %s; only the rest is exported.", problem, iso(begin))
        return replace(job, kept_from=begin)


def _check_word(argument: str, word: str, allowed: tuple[str, ...]) -> None:
    if word not in allowed:
        raise ConfigurationError(f"{argument}={word!r} is not one of {list(allowed)}; write one of these.")
