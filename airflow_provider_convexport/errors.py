"""Every error this package raises on purpose, grouped by what the scheduler should do about it.

=============================  ============================================================
error                          consequence
=============================  ============================================================
`ConfigurationError`           the Dag or the connection is wrong: fail, no retry
`VendorRejectedError`          the vendor refuses for good: fail, no retry
`SupersededError`              a newer attempt of the same task works on it: this one ends
`RateLimitedError`             the vendor asks for a long pause: hand the slot back
`IncompleteExportError`        an answer is broken or rows are missing: retry
`VendorUnavailableError`       the vendor did not answer properly after all tries: retry
`DestinationUnavailableError`  the object store did not answer properly: retry
=============================  ============================================================

Whatever is raised, no partition was half-published. No message holds a key, a response body or a record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import timedelta


class ConvExportError(Exception):
    """Base class: catch this to catch anything the package raises on purpose."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Let errors with keyword-only arguments be pickled, as executors and process pools do."""
        return _restored, (type(self), self.args, vars(self))


def _restored(
    kind: type[ConvExportError], args: tuple[Any, ...], attributes: dict[str, Any]
) -> ConvExportError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(attributes)
    return error


class ConfigurationError(ConvExportError, ValueError):
    """The Dag, the destination or the connection is wrong; retrying cannot help."""


class VendorRejectedError(ConvExportError):
    """The vendor refused a request for good (bad key, missing scope, unknown bot, too long a window).

    :param endpoint: Vendor and path, such as ``"Ada /api/v2/export/messages"``.
    :param status: HTTP status of the refusal.
    :param request_id: The vendor's id of the request, for a support ticket.
    :param advice: What to change, as a sentence.
    """

    def __init__(self, *, endpoint: str, status: int, request_id: str | None, advice: str) -> None:
        super().__init__(
            f"{endpoint} refused the request with status {status} "
            f"(request id {request_id or 'not given'}). {advice}"
        )
        self.endpoint = endpoint
        self.status = status
        self.request_id = request_id
        self.advice = advice


class SupersededError(ConvExportError):
    """A newer attempt of the same task instance has taken over; this one published nothing more."""


class RateLimitedError(ConvExportError):
    """The vendor asked for a pause longer than a task should hold a worker's slot for.

    :param endpoint: Vendor and path.
    :param retry_after: How long from now until the next request is welcome.
    """

    def __init__(self, *, endpoint: str, retry_after: timedelta) -> None:
        super().__init__(f"{endpoint} asked for a pause of {retry_after}; no request is sent before that.")
        self.endpoint = endpoint
        self.retry_after = retry_after


class IncompleteExportError(ConvExportError):
    """An answer, a cursor or a staged object shows that records are missing; nothing was published."""


class VendorUnavailableError(ConvExportError):
    """The vendor did not give a usable answer within the allowed tries; a later retry may succeed.

    :param endpoint: Vendor and path.
    :param problem: What the last try met, such as ``"status 502"`` or ``"the connection was reset"``.
    :param tries: Requests sent for this one page.
    """

    def __init__(self, *, endpoint: str, problem: str, tries: int) -> None:
        super().__init__(f"{endpoint} gave no usable answer in {tries} tries; the last one met: {problem}.")
        self.endpoint = endpoint
        self.problem = problem
        self.tries = tries


class DestinationUnavailableError(ConvExportError):
    """The object store did not answer properly, after all tries of its client; a later retry may succeed.

    :param url: The destination.
    :param problem: What the last try met, such as ``"SlowDown, status 503"``.
    :param connection: Airflow connection of the store, if one is named.
    """

    def __init__(self, *, url: str, problem: str, connection: str | None) -> None:
        place = f"the Airflow connection {connection!r}" if connection else "the store"
        super().__init__(
            f"The object store of {url} gave no usable answer ({problem}); progress is kept for a retry. "
            f"If it stays, check the address of {place}."
        )
        self.url = url
        self.problem = problem
        self.connection = connection
