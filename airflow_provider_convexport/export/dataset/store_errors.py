"""Classifies the failures of an object store: rejected permanently, missing bucket, or worth a retry.

Each file system raises the exceptions of its own client library. Those libraries are optional dependencies,
and their exceptions name neither the destination nor the connection; so exceptions are classified by their
attributes. The libraries' messages are omitted, because some contain signed URLs.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from airflow_provider_convexport.errors import (
    ConfigurationError,
    ConvExportError,
    DestinationUnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_TEMPORARY = frozenset(
    ("ExpiredToken", "ExpiredTokenException", "RequestTimeTooSkewed", "TokenRefreshRequired")
)
"""Codes for expired temporary credentials and a wrong clock: the next try uses new credentials."""

_NO_CREDENTIALS = frozenset((
    "NoCredentialsError", "PartialCredentialsError",  # botocore
    "ClientAuthenticationError",  # azure
    "DefaultCredentialsError", "MalformedError",  # google.auth
))  # fmt: skip

_PROGRAMMING_ERRORS = (AttributeError, AssertionError, LookupError, MemoryError, NameError, TypeError)
"""Errors that the store did not cause; they are not converted."""


@contextlib.contextmanager
def explained(url: str, connection: str | None, *, missing: str | None = None) -> Iterator[None]:
    """Convert any exception that a file system raises in the block into one of this package's errors.

    ``FileNotFoundError`` is not converted unless ``missing`` says what it means.

    :param url: The destination, for the message.
    :param connection: Airflow connection of the store; ``None`` if the destination names none.
    :param missing: What a ``FileNotFoundError`` or status 404 means; without it, ``FileNotFoundError``
        is raised unchanged.
    :raises ConfigurationError: if the store rejects the credentials, or reports 404 and ``missing`` is given.
    :raises DestinationUnavailableError: for everything else: outages, resets, timeouts, throttling.
    """
    try:
        yield
    except (ConvExportError, *_PROGRAMMING_ERRORS):
        raise
    except Exception as error:
        status, code = response_of(error)
        if missing is None and isinstance(error, FileNotFoundError):
            raise
        if missing is not None and (isinstance(error, FileNotFoundError) or status == 404):
            raise ConfigurationError(f"The destination {url} cannot be written: {missing}.") from None
        problem = _problem(error, status, code)
        if _is_refused(error, status, code):
            raise ConfigurationError(
                f"The object store refused {url} ({problem}). Check the credentials and permissions of "
                f"{_credentials_of(connection)}."
            ) from None
        raise DestinationUnavailableError(url=url, problem=problem, connection=connection) from error


def _credentials_of(connection: str | None) -> str:
    if connection:
        return f"the Airflow connection {connection!r}"
    return "the worker, since the destination names no Airflow connection"


def _is_refused(error: Exception, status: int | None, code: str | None) -> bool:
    if code in _TEMPORARY:
        return False
    if status in (401, 403):
        return True
    if status is not None:
        return False
    names = {base.__name__ for each in chain_of(error) for base in type(each).__mro__}
    if "RefreshError" in names:  # google.auth reports whether its token server may recover
        return not any(getattr(each, "retryable", False) for each in chain_of(error))
    return "PermissionError" in names or bool(names & _NO_CREDENTIALS)


def _problem(error: Exception, status: int | None, code: str | None) -> str:
    parts = [code] if code and code != str(status) else []
    if status is not None:
        parts.append(f"status {status}")
    return ", ".join(parts) or type(error).__name__


def response_of(error: Exception) -> tuple[int | None, str | None]:
    """Return the HTTP status and the store's error code, each ``None`` if the exception has none."""
    for each in chain_of(error):
        response: Any = getattr(each, "response", None)
        if isinstance(response, dict):  # botocore
            code = response.get("Error", {}).get("Code")
            status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            return _number(status) or _number(code), _text(code)
        for name in ("status_code", "status", "code"):  # azure, aiohttp, gcsfs
            status = _number(getattr(each, name, None))
            if status is not None:
                code = getattr(each, "error_code", None)
                return status, _text(getattr(code, "value", code))
        if isinstance(each, OSError) and each.errno is None and str(each).startswith("Forbidden:"):
            return 403, None  # gcsfs
    return None, None


def _number(value: object) -> int | None:
    return int(value) if isinstance(value, int | str) and str(value).isdecimal() else None


def _text(value: object) -> str | None:
    """Return an error code, or ``None`` for anything that might be a message."""
    return value if isinstance(value, str) and value.isalnum() else None


def chain_of(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and its causes; some libraries wrap their own exceptions."""
    seen = set[int]()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
