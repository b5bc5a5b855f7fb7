"""The ASGI application: the APIs of all vendors at one origin, with limits, faults and a request log."""

from __future__ import annotations

import asyncio
import math
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import permutations
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_convexport.simulator.fault_injection import (
    CONNECTION_FAULTS,
    cut_connection,
    faulty_response,
    retry_after,
)
from airflow_provider_convexport.simulator.faults import planned_fault
from airflow_provider_convexport.simulator.http_messages import (
    ApiError,
    ApiRequest,
    ApiResponse,
    redirect_to_slash,
)
from airflow_provider_convexport.simulator.introspection import introspection_routes
from airflow_provider_convexport.simulator.limits import Limiter
from airflow_provider_convexport.simulator.pagination import PaginationState
from airflow_provider_convexport.simulator.record_store import RecordQuery, RecordStore
from airflow_provider_convexport.simulator.registry import registered_vendors
from airflow_provider_convexport.simulator.request_log import RequestLog
from airflow_provider_convexport.simulator.times import DAY, microseconds
from airflow_provider_convexport.simulator.vendor_api import Endpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from starlette.types import Receive, Scope, Send

    from airflow_provider_convexport.simulator.request_log import LoggedRequest
    from airflow_provider_convexport.simulator.settings import SimulatorSettings
    from airflow_provider_convexport.simulator.vendor_api import VendorApi

_OK: Final = 200


class Simulator:
    """The state that all endpoints share; available as ``app.state.simulator``.

    :param settings: The settings; :meth:`update` replaces them at run time.
    :param vendors: Vendors besides those of the package.
    :param clock: Returns seconds since the epoch.
    :param monotonic: Returns the seconds of a monotonic clock, by which requests are counted under limits.
    :raises ValueError: Two vendors have the same name, or one vendor's prefix begins with another's.
    """

    def __init__(
        self,
        settings: SimulatorSettings,
        *,
        vendors: Iterable[VendorApi] = (),
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.vendors = _by_name((*registered_vendors(), *vendors))
        self.settings = settings.with_vendors(self.vendors.values())
        self.clock = clock
        self.monotonic = monotonic
        self.request_log = RequestLog()
        self.limiter = Limiter()
        self.store = RecordStore(settings.plan)
        self.pagination = PaginationState()
        self._responder = ThreadPoolExecutor(1, thread_name_prefix="simulator-responses")

    async def in_thread(self, respond: Callable[[], ApiResponse]) -> ApiResponse:
        """Return the result of ``respond``, which runs in a thread of its own, one call at a time.

        A page of ten thousand records takes a while. If the event loop made it, all requests that arrive
        meanwhile would get the same late time of arrival and could seem to exceed a limit.
        """
        return await asyncio.get_running_loop().run_in_executor(self._responder, respond)

    def close(self) -> None:
        """Stop the thread that makes responses."""
        self._responder.shutdown(wait=False)

    def update(self, **changes: Any) -> None:
        """Replace some settings; requests that are being handled keep the previous ones."""
        self.settings = replace(self.settings, **changes).with_vendors(self.vendors.values())
        if self.settings.plan != self.store.plan:
            self.store = RecordStore(self.settings.plan)

    def reset(self) -> None:
        """Clear the request log, the counters of the limits and the uses of cursors."""
        self.request_log.clear()
        self.limiter = Limiter()
        self.pagination.reset()

    def truth(
        self,
        vendor: str,
        stream: str,
        *,
        window: tuple[datetime, datetime],
        scope: str | None,
        field: str | None,
    ) -> Iterator[bytes]:
        """Yield the records of a half-open window as compact JSON, by time, regardless of the settings.

        If records live, they are as of the time of the simulator's clock.

        :raises LookupError: The vendor, stream, field or scope is unknown.
        """
        chosen = self.vendors[vendor].streams[stream]
        scopes = self.settings.scopes_of(vendor) or ("",)
        scope = scopes[0] if scope is None else scope
        field = chosen.default_field if field is None else field
        if scope not in scopes or field not in chosen.time_fields:
            raise KeyError(f"{scope} {field}")
        now = self.settings.moment(self.clock())
        low = max(microseconds(window[0]), now - self.settings.days * DAY)
        high, as_of = min(microseconds(window[1]), now + 1), now if self.settings.living else None
        return self.store.texts(RecordQuery(chosen, scope, field, low, high, as_of=as_of))


def create_app(
    settings: SimulatorSettings,
    *,
    vendors: Iterable[VendorApi] = (),
    clock: Callable[[], float] = time.time,
    monotonic: Callable[[], float] = time.monotonic,
) -> Starlette:
    """Return the application.

    :param settings: The settings.
    :param vendors: Vendors besides those of the package.
    :param clock: Returns seconds since the epoch; records after this time do not exist yet.
    :param monotonic: Returns the seconds of a monotonic clock, by which requests are counted under limits.
    """
    simulator = Simulator(settings, vendors=vendors, clock=clock, monotonic=monotonic)
    routes = introspection_routes()
    for vendor in simulator.vendors.values():
        endpoints = (*vendor.endpoints, *_further_endpoints(vendor))
        routes += [Route(each.path, _EndpointApp(simulator, vendor, each)) for each in endpoints]
    app = Starlette(routes=routes)
    app.router.redirect_slashes = False
    app.state.simulator = simulator
    return app


class _EndpointApp:
    """One endpoint as an ASGI application: checks method, key, limits and fault plan, in this order."""

    def __init__(self, simulator: Simulator, vendor: VendorApi, endpoint: Endpoint) -> None:
        self._simulator = simulator
        self._vendor = vendor
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond to one request."""
        settings = self._simulator.settings
        body = b"" if scope["method"] in {"GET", "HEAD"} else await Request(scope, receive).body()
        request = self._request(scope, body=body, settings=settings)
        entry = self._log(request)
        refused = self._refused(request, entry=entry, method=scope["method"])
        if refused is None:
            entry.fault = self._fault(request, entry=entry)
        if settings.page_latency or entry.fault == "slow":
            slow = settings.slow_seconds if entry.fault == "slow" else 0.0
            await asyncio.sleep(settings.page_latency + slow)
        response = refused or await self._simulator.in_thread(lambda: self._respond(request, entry=entry))
        entry.status, entry.records = response.status, response.records
        if entry.fault in CONNECTION_FAULTS:
            entry.status, entry.records = 0 if entry.fault == "reset" else response.status, 0
            await cut_connection(entry.fault, response=response, receive=receive, send=send)
            return
        await _asgi_response(response, pretty=settings.pretty)(scope, receive, send)

    def _request(self, scope: Scope, *, body: bytes, settings: SimulatorSettings) -> ApiRequest:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        wall = self._simulator.clock()
        return ApiRequest(
            endpoint=self._endpoint.name,
            params=(*query, *_members(body)),
            path=scope["path"],
            path_params=scope["path_params"],
            headers=headers,
            body=body,
            origin=f"{scope['scheme']}://{headers.get('host', '')}",
            now=settings.moment(wall),
            wall=wall,
            settings=settings,
            vendor_settings=settings.vendors[self._vendor.name],
            store=self._simulator.store,
            pagination=self._simulator.pagination,
        )

    def _log(self, request: ApiRequest) -> LoggedRequest:
        entry = self._simulator.request_log.add(
            monotonic=self._simulator.monotonic(),
            wall=request.wall,
            vendor=self._vendor.name,
            endpoint=self._endpoint.name,
            path=request.path,
            params=list(request.params),
        )
        entry.credential = self._vendor.credential(request)
        return entry

    def _refused(self, request: ApiRequest, *, entry: LoggedRequest, method: str) -> ApiResponse | None:
        """Return the response to a request that does not get as far as the endpoint, or ``None``."""
        allowed = self._endpoint.method
        if method != allowed:
            error = self._vendor.error(405, f'Method "{method}" not allowed.')
            return replace(error, headers=(("Allow", allowed),))
        if self._endpoint.public:
            return None
        if entry.credential != "right":
            return self._vendor.unauthorized(entry.credential)
        try:
            entry.limits = self._vendor.limits(request)
        except ApiError as error:
            return error.response
        return self._limited(request, entry=entry) if request.settings.limits else None

    def _limited(self, request: ApiRequest, *, entry: LoggedRequest) -> ApiResponse | None:
        wait = self._simulator.limiter.admit(entry.limits, now=entry.monotonic)
        entry.limited = wait > 0
        if not entry.limited:
            return None
        form = request.settings.retry_after
        wall = math.ceil(request.wall) if form == "date" else 0
        headers = retry_after(form, seconds=min(max(math.ceil(wait), 1), 86_400), wall=wall)
        return replace(self._vendor.error(429, "Too many requests."), headers=headers)

    def _fault(self, request: ApiRequest, *, entry: LoggedRequest) -> str | None:
        return planned_fault(
            request.settings.faults,
            number=entry.number,
            vendor=entry.vendor,
            endpoint=entry.endpoint,
            resumed=request.has(self._endpoint.cursor_param),
        )

    def _respond(self, request: ApiRequest, *, entry: LoggedRequest) -> ApiResponse:
        def regular() -> ApiResponse:
            return self._regular(request, entry=entry)

        if entry.fault is None:
            return regular()
        return faulty_response(entry.fault, vendor=self._vendor, request=request, regular=regular)

    def _regular(self, request: ApiRequest, *, entry: LoggedRequest) -> ApiResponse:
        try:
            response = self._endpoint.respond(request)
        except ApiError as error:
            return error.response
        shown = next((limit for limit in entry.limits if limit.name == self._vendor.shown_limit), None)
        if shown is None or response.status != _OK:
            return response
        left, seconds = self._simulator.limiter.remaining(shown, now=entry.monotonic)
        headers = (
            ("X-RateLimit-Limit", str(shown.allowed)),
            ("X-RateLimit-Remaining", str(max(left, 0))),
            ("X-RateLimit-Reset", str(math.ceil(request.wall + seconds))),
        )
        return replace(response, headers=(*response.headers, *headers))


def _by_name(vendors: tuple[VendorApi, ...]) -> dict[str, VendorApi]:
    for vendor, other in permutations(vendors, 2):
        if other.name == vendor.name or other.prefix.startswith(vendor.prefix):
            raise ValueError(f"The name or the prefix of the vendor {vendor.name} is not unique.")
    return {vendor.name: vendor for vendor in vendors}


def _members(body: bytes) -> list[tuple[str, str]]:
    """Return the members of a JSON object, or nothing if the body is something else."""
    try:
        members = msgspec.json.decode(body, type=dict[str, msgspec.Raw]) if body else {}
        return [(name, _text(bytes(value))) for name, value in members.items()]
    except msgspec.DecodeError:
        return []


def _text(value: bytes) -> str:
    return msgspec.json.decode(value, type=str) if value.startswith(b'"') else value.decode()


def _further_endpoints(vendor: VendorApi) -> Iterator[Endpoint]:
    """Yield the endpoints that redirect to a path with a slash, and the one for all unknown paths."""

    def not_found(_request: ApiRequest) -> ApiResponse:
        return vendor.error(404, "Not found.")

    for each in vendor.endpoints if vendor.redirect_to_slash else ():
        yield Endpoint("redirect", each.path.removesuffix("/"), redirect_to_slash, public=True)
    yield Endpoint("unknown", f"{vendor.prefix}{{rest:path}}", not_found, public=True)


def _asgi_response(response: ApiResponse, *, pretty: bool) -> Response:
    body = response.body
    if pretty and response.status == _OK and response.content_type == "application/json":
        try:
            body = msgspec.json.format(body, indent=2)
        except msgspec.DecodeError:  # the fault half-json
            body = response.body
    headers = dict(response.headers)
    return Response(body, response.status, headers=headers, media_type=response.content_type)
