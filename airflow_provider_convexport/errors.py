"""All errors that this package raises deliberately, grouped by how the scheduler should react.

=============================  ============================================================
error                          consequence
=============================  ============================================================
`ConfigurationError`           the Dag or the connection is wrong: fail without retry
`VendorRejectedError`          the vendor rejects the request: fail without retry
`SupersededError`              a newer attempt has taken over the lease: stop this attempt
`RateLimitedError`             the vendor asks for a long pause: reschedule the task
`UnsettledError`               the interval has not settled: reschedule the task
`ExpiredError`                 the vendor keeps nothing of the interval: skip the task
`IncompleteExportError`        a response is broken or records are missing: retry
`VendorUnavailableError`       the vendor failed after all HTTP retries: retry the task
`DestinationUnavailableError`  the object store failed after all retries: retry the task
`PartitionReplacedError`       a partition was replaced while it was read: read it again
`GapsFoundError`               an audit has found gaps: fail without retry
`WorkerDiskError`              the worker's own disk is full or missing: retry the task
=============================  ============================================================

The operators react like this by themselves. A ``@task`` that uses a hook does with
`airflow_provider_convexport.airflow_errors.airflow_errors`.

No error leaves a partially published partition behind. No message contains a key, a response body or a
record.
"""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING, Any

from airflow_provider_convexport.durations import in_words

if TYPE_CHECKING:
    from datetime import datetime, timedelta

_LIMIT = 10_000
"""Maximum number of characters of a message."""


def printable(text: str, *, limit: int = 200) -> str:
    """Return text of somebody else in a form that a log or a terminal can show.

    Control characters, such as those of escape sequences and line breaks, are written as Python writes them
    in strings; so are characters that change the direction of text.

    :param text: The text, such as a header of a response.
    :param limit: Maximum number of its characters that are kept.
    """
    kept = text if len(text) <= limit else f"{text[: limit - 1]}…"
    if kept.isprintable():
        return kept
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in kept)


class EndedFromOutside:
    """Base of the exceptions with which a timeout or a signal ends a task; their sentence ends its log."""


class ConvExportError(Exception):
    """Base class of all errors that this package raises deliberately.

    Its messages contain no control characters, whoever sent the texts that they are made of.
    """

    def __init__(self, *args: object) -> None:
        super().__init__(*(printable(each, limit=_LIMIT) if isinstance(each, str) else each for each in args))

    def __reduce__(self) -> tuple[Any, ...]:
        """Support pickling despite keyword-only arguments; executors and process pools pickle errors."""
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
    """The vendor rejected a request permanently (wrong key, missing scope, unknown bot, window too long).

    :param endpoint: Vendor and path, such as ``"Ada /api/v2/export/messages"``.
    :param status: HTTP status of the response.
    :param request_id: The vendor's id of the request, which its support asks for; ``None`` if it sent none.
    :param advice: One sentence that says what to change.
    :param reason: Types of errors and names of parameters in the vendor's answer; empty if it names none.
    """

    def __init__(
        self, *, endpoint: str, status: int, request_id: str | None, advice: str, reason: str = ""
    ) -> None:
        named = f", naming {reason}" if reason else ""
        super().__init__(
            f"{endpoint} refused the request with status {status}{named} "
            f"(request id {request_id or 'not given'}). {advice}"
        )
        self.endpoint = endpoint
        self.status = status
        self.request_id = request_id
        self.advice = advice
        self.reason = reason


class SupersededError(ConvExportError):
    """A newer attempt of the same task instance has taken over the lease; this one published nothing more."""


class RateLimitedError(ConvExportError):
    """The vendor asked for a pause that is too long to occupy a worker slot.

    :param endpoint: Vendor and path.
    :param retry_after: Time from now until the next request is allowed.
    """

    def __init__(self, *, endpoint: str, retry_after: timedelta) -> None:
        super().__init__(
            f"{endpoint} asked for a pause of {in_words(retry_after)}; no request is sent before that."
        )
        self.endpoint = endpoint
        self.retry_after = retry_after


class UnsettledError(ConvExportError):
    """The vendor may still add records to the interval, and nothing was requested.

    :param problem: The interval and when it settles, without a full stop.
    :param settles_at: Moment in UTC from which the interval can be exported.
    """

    def __init__(self, *, problem: str, settles_at: datetime) -> None:
        super().__init__(
            f"{problem}. Nothing was exported; put airflow_errors() around the hook's calls to wait until "
            "then, or pass on_unsettled='export' to read what is there."
        )
        self.problem = problem
        self.settles_at = settles_at


class ExpiredError(ConvExportError):
    """The vendor no longer keeps anything of the interval, and only what is left was to be exported."""


class IncompleteExportError(ConvExportError):
    """A response, a cursor or a staged object shows that records are missing; nothing was published."""


class VendorUnavailableError(ConvExportError):
    """The vendor gave no usable response within the allowed number of tries; a later retry may succeed.

    :param endpoint: Vendor and path.
    :param problem: Outcome of the last try, such as ``"status 502"`` or ``"the connection was reset"``.
    :param tries: Number of requests that were sent for this page.
    """

    def __init__(self, *, endpoint: str, problem: str, tries: int) -> None:
        super().__init__(f"{endpoint} gave no usable answer in {tries} tries; the last problem: {problem}.")
        self.endpoint = endpoint
        self.problem = problem
        self.tries = tries


class DestinationUnavailableError(ConvExportError):
    """The object store or the disk of the destination failed; a later retry of the task may succeed.

    :param url: URL of the destination.
    :param problem: Outcome of the last try, such as ``"SlowDown, status 503"``.
    :param connection: Id of the store's Airflow connection; ``None`` if the destination names none.
    """

    def __init__(self, *, url: str, problem: str, connection: str | None) -> None:
        place = f"the Airflow connection {connection!r}" if connection else "the store"
        super().__init__(
            f"The folder {url} cannot be used at present ({problem}); progress is kept for a retry."
            if url.startswith("file://")
            else f"The object store of {url} gave no usable answer ({problem}); progress is kept for a "
            f"retry. If this persists, check the address of {place}."
        )
        self.url = url
        self.problem = problem
        self.connection = connection


class GapsFoundError(ConvExportError):
    """An audit has found records that should be published and are not; a retry would find them again."""


class PartitionReplacedError(ConvExportError):
    """A new version of a partition was published while the one before was read; read it again.

    :param url: URL of the partition's folder.
    """

    def __init__(self, *, url: str) -> None:
        super().__init__(
            f"A new version of {url} was published while the one before was read; read the partition again "
            "from its beginning."
        )
        self.url = url


def _temporary_folder() -> str:
    try:
        return tempfile.gettempdir()
    except OSError:  # none of the usual ones can be used
        return os.environ.get("TMPDIR", "/tmp")  # noqa: S108 - for a message


class WorkerDiskError(ConvExportError):
    """The worker's own temporary folder cannot be used; a later retry may succeed, maybe on another worker.

    :param problem: Outcome of the last try, such as ``"No space left on device"``.
    """

    def __init__(self, *, problem: str) -> None:
        folder = _temporary_folder()
        super().__init__(
            f"The worker's temporary folder {folder} cannot be used ({problem}); progress is kept for a "
            "retry. Make room there, or set TMPDIR to another folder."
        )
        self.folder = folder
        self.problem = problem
