"""What the failures of an Iceberg catalog mean: refused for good, outdated, or not known."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from airflow_provider_convexport.errors import ConfigurationError, DestinationUnavailableError
from airflow_provider_convexport.export.dataset.store_errors import response_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_LIBRARIES = frozenset(
    ("azure", "botocore", "google", "requests", "sqlalchemy", "thrift", "urllib3", "aiohttp", "fsspec")
)
"""Libraries by which catalogs and stores are reached; their own errors name neither."""


class CatalogProblem(Exception):  # noqa: N818 - it never leaves the package
    """The catalog or its store gave no certain answer.

    :param problem: What happened, without any text of theirs.
    """

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


def unavailable(name: str, problem: str) -> DestinationUnavailableError:
    """Return the error for a table that cannot be used at present."""
    return DestinationUnavailableError(url=f"the Iceberg table {name}", problem=problem, connection=None)


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Convert the failures of a catalog and of a table's store.

    :raises ConfigurationError: if it refuses for good.
    :raises CatalogProblem: if a later try may succeed, and a commit may even have succeeded.
    """
    from pyiceberg import exceptions

    refused = (exceptions.ForbiddenError, exceptions.UnauthorizedError, exceptions.OAuthError)
    try:
        yield
    except (exceptions.CommitFailedException, CatalogProblem):
        raise
    except (*refused, exceptions.BadRequestError, PermissionError) as error:
        raise _refusal(type(error).__name__) from error
    except (exceptions.NoSuchTableError, exceptions.NoSuchNamespaceError) as error:
        raise ConfigurationError(
            "The Iceberg table was dropped while this task wrote to it; clear the task to make it again."
        ) from error
    except (exceptions.RESTError, exceptions.WaitingForLockException, OSError) as error:
        raise _problem(error) from error
    except Exception as error:
        if not _is_of_a_library(error):
            raise
        raise _problem(error) from error


def _problem(error: Exception) -> Exception:
    status, code = response_of(error)
    name = code or type(error).__name__
    text = f"{name}, status {status}" if status else name
    if status in (401, 403) or "ACCESS_DENIED" in str(error):
        return _refusal(text)
    return CatalogProblem(text)


def _refusal(problem: str) -> ConfigurationError:
    return ConfigurationError(
        f"The Iceberg catalog, or the store of its files, refuses the request ({problem}). Check the "
        "credentials in the Iceberg connection: those of the store are properties of their own in its extra, "
        "such as s3.access-key-id, adls.account-key or gcs.oauth2.token."
    )


def _is_of_a_library(error: Exception) -> bool:
    modules = {base.__module__.partition(".")[0] for base in type(error).__mro__}
    return bool(modules & _LIBRARIES)
