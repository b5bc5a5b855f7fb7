"""What the simulator has to know of a vendor: its settings, endpoints, streams, key, limits and errors."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_convexport.simulator.http_messages import ApiRequest, ApiResponse
    from airflow_provider_convexport.simulator.limits import Limit
    from airflow_provider_convexport.simulator.record_store import Stream
    from airflow_provider_convexport.simulator.request_log import Credential


def switch(default: Any, about: str) -> Any:
    """Return a dataclass field for a setting; ``about`` is its help text on the command line."""
    return field(default=default, metadata={"help": about})


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorSettings:
    """The settings that concern one vendor only; vendors with more of them derive a class.

    Each field is a switch of the simulator whose name begins with the vendor's, such as ``ada_key``.
    """

    scope_extra: ClassVar[str | None] = None
    """Extra of the Airflow connection that names a shop or bot; ``None`` if the vendor has none."""

    key: str = switch("simulated-key", "API key that is accepted.")

    @property
    def scopes(self) -> tuple[str, ...]:
        """The shop ids or bot names that exist; empty if the vendor has none."""
        return ()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One path of a vendor.

    :param name: Name for the request log and the fault plan.
    :param path: Path in Starlette's notation.
    :param respond: Makes the response; may raise :class:`ApiError`.
    :param method: The only HTTP method that is accepted.
    :param public: Whether neither key nor rate limits are checked.
    :param cursor_param: Parameter whose presence tells that a request asks for a page after the first.
    """

    name: str
    path: str
    respond: Callable[[ApiRequest], ApiResponse]
    method: str = "GET"
    public: bool = False
    cursor_param: str = "cursor"


@dataclass(frozen=True, slots=True)
class VendorApi:
    """The API of one vendor.

    :param name: Connection type, which is also the name in the request log, the fault plan and the truth.
    :param title: Name for people.
    :param prefix: Common beginning of all its paths; no other vendor's prefix begins with it.
    :param settings: Class of its settings.
    :param endpoints: Its endpoints.
    :param streams: Its streams by name, including those that only the truth serves.
    :param key: Reads the API key from a request; ``None`` if there is none.
    :param unauthorized: Makes the response to a wrong or missing key.
    :param limits: Returns the limits under which a request with the right key counts; may raise
        :class:`ApiError`, for example if the shop by which requests are counted does not exist.
    :param error: Makes an error response of the vendor's shape from a status and a message.
    :param shown_limit: Name of the limit that the ``X-RateLimit`` headers of successful responses report.
    :param redirect_to_slash: Whether a path without the slash at the end of an endpoint's path is redirected.
    """

    name: str
    title: str
    prefix: str
    settings: type[VendorSettings]
    endpoints: tuple[Endpoint, ...]
    streams: Mapping[str, Stream]
    key: Callable[[ApiRequest], str | None]
    unauthorized: Callable[[Credential], ApiResponse]
    limits: Callable[[ApiRequest], tuple[Limit, ...]]
    error: Callable[[int, str], ApiResponse]
    shown_limit: str | None = None
    redirect_to_slash: bool = False

    def credential(self, request: ApiRequest) -> Credential:
        """Return whether a request has the right key."""
        key = self.key(request)
        if key is None:
            return "missing"
        return "right" if key == request.vendor_settings.key else "wrong"
