"""Decides what to do with intervals that have not settled, or that the vendor no longer keeps entirely."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, get_args

from airflow_provider_convexport.errors import (
    ConfigurationError,
    ExpiredError,
    IncompleteExportError,
    UnsettledError,
)
from airflow_provider_convexport.export.fetch.availability import expires_before, kept_from, settles_at
from airflow_provider_convexport.export.window import iso

if TYPE_CHECKING:
    from datetime import timedelta

    from airflow_provider_convexport.export.fetch.stream import Stream
    from airflow_provider_convexport.export.window import Window

OnUnsettled = Literal["wait", "fail", "export"]
OnExpired = Literal["fail", "clip", "export"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class IntervalPolicy:
    """The arguments of operators and hooks about intervals that have not settled or have begun to expire.

    :param on_unsettled: What to do before the interval has settled: ``"wait"``, ``"fail"`` or ``"export"``.
    :param settle: How long after its end the interval settles; ``None`` for the vendor's own.
    :param on_expired: What to do if the vendor no longer keeps the interval's beginning: ``"fail"``,
        ``"clip"`` or ``"export"``.
    :raises ConfigurationError: for another word.
    """

    on_unsettled: OnUnsettled = "wait"
    settle: timedelta | None = None
    on_expired: OnExpired = "fail"

    def __post_init__(self) -> None:
        _check_word("on_unsettled", self.on_unsettled, get_args(OnUnsettled))
        _check_word("on_expired", self.on_expired, get_args(OnExpired))

    def require_settled(self, interval: Window, stream: Stream) -> None:
        """Return if the interval has settled or may be exported before that.

        :raises ConfigurationError: if ``settle`` is not a timedelta of zero or more.
        :raises UnsettledError: if the task is to wait; names the moment at which the interval settles.
        :raises IncompleteExportError: if the task is not to wait.
        """
        settled = settles_at(interval, stream, self.settle)
        if self.on_unsettled == "export" or settled <= datetime.now(UTC):
            return
        problem = (
            f"The interval {interval} settles at {iso(settled)}; until then "
            f"{stream.title} may still add records to it"
        )
        if self.on_unsettled == "wait":
            raise UnsettledError(problem=problem, settles_at=settled)
        raise IncompleteExportError(
            f"{problem}. Nothing was exported; run later, or use on_unsettled='wait'."
        )

    def kept_from(self, interval: Window, stream: Stream) -> datetime | None:
        """Return the moment from which the interval is exported; ``None`` if it is exported from its start.

        :raises ConfigurationError: if the vendor no longer keeps a part that may not be left out.
        :raises ExpiredError: if that part may be left out, and the vendor keeps nothing else.
        """
        now = datetime.now(UTC).replace(microsecond=0)
        begin, limit = kept_from(interval, stream, now), expires_before(stream, now)
        if begin is None or limit is None or stream.history is None or self.on_expired == "export":
            return None
        problem = (
            f"{stream.title} keeps {stream.name} for {stream.history.days} days, so of the interval "
            f"{interval} it no longer has"
        )
        if self.on_expired == "fail":
            raise ConfigurationError(
                f"{problem} what lies before {iso(limit)}. Begin later, or use on_expired='clip' to export "
                "what is left."
            )
        if begin >= interval.end:
            raise ExpiredError(f"{problem} anything, and nothing was exported.")
        log.warning("%s what lies before %s; only the rest is exported.", problem, iso(begin))
        return begin


def _check_word(argument: str, word: str, allowed: tuple[str, ...]) -> None:
    if word not in allowed:
        raise ConfigurationError(f"{argument}={word!r} is not one of {list(allowed)}; write one of these.")
