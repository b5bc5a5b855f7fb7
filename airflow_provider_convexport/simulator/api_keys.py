"""Where a request carries its API key."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_convexport.simulator.http_messages import ApiRequest


def bearer_token(request: ApiRequest) -> str | None:
    """Return the token of the header ``Authorization: Bearer``, or ``None``."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token if scheme == "Bearer" and token else None


def header(name: str) -> Callable[[ApiRequest], str | None]:
    """Return a function that reads the header ``name``, which is given in lower case."""
    return partial(_header, name=name)


def _header(request: ApiRequest, *, name: str) -> str | None:
    return request.headers.get(name)
