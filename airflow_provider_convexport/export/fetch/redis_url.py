"""Reads the URL of a Redis server without showing any part of it, because it may contain a password."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from airflow_provider_convexport.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def redis_url_errors_converted(url: str) -> Iterator[None]:
    """Convert what reading the URL raises to one error, which shows no part of it and has no cause.

    Python's messages contain the part that could not be read, which is a part of the password if that has a
    reserved character.

    :raises ConfigurationError: also if the URL has an ``@`` behind its host, which follows from a reserved
        character in the password, too.
    """
    try:
        parts = urlsplit(url)
        if parts.scheme != "unix" and "@" in f"{parts.path}{parts.query}{parts.fragment}":
            raise ValueError
        yield
    except (ValueError, TypeError, AttributeError):
        raise ConfigurationError(
            "[convexport] budget_storage is not a Redis URL that can be read; write it as "
            "redis://:password@host:6379/0 and percent-encode reserved characters of the password, such as "
            "%2F for a slash."
        ) from None
