"""The ASGI application: all vendors behind one origin, with limits, faults, journal and truth."""

from __future__ import annotations

import asyncio
import math
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NoReturn
from urllib.parse import parse_qsl

import msgspec
from starlette.applications import Starlette
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from airflow_provider_convexport.simulator import ada, agentx, applied_labs
from airflow_provider_convexport.simulator.archive import Archive, Selection
from airflow_provider_convexport.simulator.dataset import DAY, SECOND
from airflow_provider_convexport.simulator.faults import planned
from airflow_provider_convexport.simulator.journal import Journal
from airflow_provider_convexport.simulator.limits import Limiter
from airflow_provider_convexport.simulator.mishaps import CUTS, Scene, cut, retry_after, stage
from airflow_provider_convexport.simulator.paging import Desk
from airflow_provider_convexport.simulator.vendor import (
    Answer,
    Call,
    Endpoint,
    Refusal,
    Vendor,
    encoded,
    microseconds,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from airflow_provider_convexport.simulator.journal import Visit
    from airflow_provider_convexport.simulator.settings import SimulatorSettings

VENDORS: Final = (applied_labs.VENDOR, ada.VENDOR, agentx.VENDOR)
_GOOD: Final = 200
_LINES_AT_ONCE: Final = 500


class Simulator:
    """What all endpoints share; reachable as ``app.state.simulator``.

    :param settings: The settings; :meth:`update` replaces them at run time.
    :param clock: Returns epoch seconds.
    :param monotonic: Returns seconds that never go back; rate limits go by it.
    """

    def __init__(
        self,
        settings: SimulatorSettings,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.monotonic = monotonic
        self.journal = Journal()
        self.limiter = Limiter()
        self.archive = Archive(settings.plan)
        self.desk = Desk()
        self._composer = ThreadPoolExecutor(1, thread_name_prefix="simulator-composer")

    async def compose(self, answer: Callable[[], Answer]) -> Answer:
        """Return an answer that is made beside the event loop, one at a time.

        A page of ten thousand records takes a while; made in the loop, it would let the requests that arrive
        meanwhile be noticed all at once and later than they came, as if they exceeded a limit.
        """
        return await asyncio.get_running_loop().run_in_executor(self._composer, answer)

    def close(self) -> None:
        """End the thread that makes answers."""
        self._composer.shutdown(wait=False)

    def update(self, **changes: Any) -> None:
        """Replace some settings; requests under way keep the old ones."""
        self.settings = replace(self.settings, **changes)
        if self.settings.plan != self.archive.plan:
            self.archive = Archive(self.settings.plan)

    def reset(self) -> None:
        """Forget all visits and all use of the limits."""
        self.journal.clear()
        self.limiter = Limiter()
        self.desk.restart()

    def truth(
        self,
        vendor: str,
        stream: str,
        *,
        window: tuple[datetime, datetime],
        scope: str | None,
        field: str | None,
    ) -> Iterator[bytes]:
        """Yield the records of a half-open window as compact JSON, by time, whatever the switches say.

        :raises LookupError: The vendor, stream, field or scope is unknown.
        """
        known = {each.name: each for each in VENDORS}[vendor]
        chosen = known.streams[stream]
        scopes = known.scopes(self.settings)
        scope = scopes[0] if scope is None else scope
        field = chosen.usual_field if field is None else field
        if scope not in scopes or field not in chosen.moments:
            raise KeyError(f"{scope} {field}")
        now = int(self.clock() * SECOND)
        low = max(microseconds(window[0]), now - self.settings.days * DAY)
        selection = Selection(chosen, scope, field, low, min(microseconds(window[1]), now + 1))
        return self.archive.texts(selection)


def create_app(
    settings: SimulatorSettings,
    *,
    clock: Callable[[], float] = time.time,
    monotonic: Callable[[], float] = time.monotonic,
) -> Starlette:
    """Return the application.

    :param settings: The settings.
    :param clock: Returns epoch seconds; decides which records exist already.
    :param monotonic: Returns seconds that never go back; rate limits go by it.
    """
    simulator = Simulator(settings, clock=clock, monotonic=monotonic)
    routes = [
        Route("/_simulator/requests", _requests),
        Route("/_simulator/summary", _summary),
        Route("/_simulator/records/{vendor}/{stream}", _records),
        Route("/_simulator/reset", _reset, methods=["POST"]),
    ]
    for vendor in VENDORS:
        nowhere = Endpoint("unknown", f"{vendor.prefix}{{rest:path}}", _nowhere(vendor), public=True)
        routes += [Route(each.path, _Gate(simulator, vendor, each)) for each in (*vendor.endpoints, nowhere)]
    app = Starlette(routes=routes)
    app.router.redirect_slashes = False
    app.state.simulator = simulator
    return app


class _Gate:
    """One endpoint as an ASGI application: every request passes key, limits and faults, in this order."""

    def __init__(self, simulator: Simulator, vendor: Vendor, endpoint: Endpoint) -> None:
        self._simulator = simulator
        self._vendor = vendor
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        settings = self._simulator.settings
        call = self._call(scope, settings=settings)
        visit = self._visit(call)
        refusal = self._refusal(call, visit=visit, method=scope["method"])
        if refusal is None:
            visit.fault = self._fault(call, visit=visit)
        if settings.page_latency or visit.fault == "slow":
            slow = settings.slow_seconds if visit.fault == "slow" else 0.0
            await asyncio.sleep(settings.page_latency + slow)
        answer = refusal or await self._simulator.compose(lambda: self._answer(call, visit=visit))
        visit.status, visit.records = answer.status, answer.records
        if visit.fault in CUTS:
            visit.status, visit.records = 0 if visit.fault == "reset" else answer.status, 0
            await cut(visit.fault, answer=answer, receive=receive, send=send)
            return
        await _response(answer, pretty=settings.pretty)(scope, receive, send)

    def _call(self, scope: Scope, *, settings: SimulatorSettings) -> Call:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        query = scope["query_string"].decode("latin-1")
        return Call(
            endpoint=self._endpoint.name,
            pairs=tuple(parse_qsl(query, keep_blank_values=True)),
            path=scope["path"],
            path_params=scope["path_params"],
            headers=headers,
            origin=f"{scope['scheme']}://{headers.get('host', '')}",
            now=int(self._simulator.clock() * SECOND),
            settings=settings,
            archive=self._simulator.archive,
            desk=self._simulator.desk,
        )

    def _visit(self, call: Call) -> Visit:
        visit = self._simulator.journal.arrive(
            monotonic=self._simulator.monotonic(),
            wall=call.now / SECOND,
            vendor=self._vendor.name,
            endpoint=self._endpoint.name,
            path=call.path,
            params=list(call.pairs),
        )
        visit.credential = self._vendor.credential(call)
        return visit

    def _refusal(self, call: Call, *, visit: Visit, method: str) -> Answer | None:
        if method != "GET":
            return replace(
                self._vendor.failure(405, f'Method "{method}" not allowed.'), headers=(("Allow", "GET"),)
            )
        if self._endpoint.public:
            return None
        try:
            visit.limits = self._vendor.admit(call)
        except Refusal as refusal:
            return refusal.answer
        if not call.settings.limits:
            return None
        wait = self._simulator.limiter.admit(visit.limits, now=visit.monotonic)
        visit.limited = wait > 0
        return self._too_many(call, seconds=max(math.ceil(wait), 1)) if visit.limited else None

    def _too_many(self, call: Call, *, seconds: int) -> Answer:
        form = call.settings.retry_after
        wall = math.ceil(call.now / SECOND) if form == "date" else 0
        headers = retry_after(form, seconds=min(seconds, 86_400), wall=wall)
        return replace(self._vendor.failure(429, "Too many requests."), headers=headers)

    def _fault(self, call: Call, *, visit: Visit) -> str | None:
        return planned(
            call.settings.faults,
            number=visit.number,
            vendor=visit.vendor,
            endpoint=visit.endpoint,
            resumed=visit.param("cursor") is not None,
        )

    def _answer(self, call: Call, *, visit: Visit) -> Answer:
        def honest() -> Answer:
            return self._honest(call, visit=visit)

        if visit.fault is None:
            return honest()
        return stage(visit.fault, scene=Scene(call.settings, self._vendor, call, honest))

    def _honest(self, call: Call, *, visit: Visit) -> Answer:
        try:
            answer = self._endpoint.answer(call)
        except Refusal as refusal:
            return refusal.answer
        shown = next((limit for limit in visit.limits if limit.name == self._vendor.shown_limit), None)
        if shown is None or answer.status != _GOOD:
            return answer
        left, seconds = self._simulator.limiter.standing(shown, now=visit.monotonic)
        headers = (
            ("X-RateLimit-Limit", str(shown.allowed)),
            ("X-RateLimit-Remaining", str(max(left, 0))),
            ("X-RateLimit-Reset", str(math.ceil(call.now / SECOND + seconds))),
        )
        return replace(answer, headers=(*answer.headers, *headers))


def _nowhere(vendor: Vendor) -> Callable[[Call], Answer]:
    def answer(_call: Call) -> NoReturn:
        raise Refusal(vendor.failure(404, "Not found."))

    return answer


def _response(answer: Answer, *, pretty: bool) -> Response:
    body = answer.body
    if pretty and answer.status == _GOOD and answer.media == "application/json":
        try:
            body = msgspec.json.format(body, indent=2)
        except msgspec.DecodeError:  # half a document, on purpose
            body = answer.body
    return Response(body, answer.status, headers=dict(answer.headers), media_type=answer.media)


def _simulator(request: Request) -> Simulator:
    simulator: Simulator = request.app.state.simulator
    return simulator


async def _requests(request: Request) -> Response:
    visits = [visit.public() for visit in _simulator(request).journal.visits]
    return Response(encoded(visits), media_type="application/json")


async def _summary(request: Request) -> Response:
    return Response(encoded(_simulator(request).journal.summary()), media_type="application/json")


async def _reset(request: Request) -> Response:
    _simulator(request).reset()
    return Response(status_code=204)


async def _records(request: Request) -> Response:
    query, path = request.query_params, request.path_params
    try:
        window = _utc(query["start"]), _utc(query["end"])
        texts = _simulator(request).truth(
            path["vendor"],
            path["stream"],
            window=window,
            scope=query.get("scope"),
            field=query.get("window_on"),
        )
    except (LookupError, ValueError) as error:
        return Response(
            encoded({"error": f"{type(error).__name__}: {error}"}), 400, media_type="application/json"
        )
    return StreamingResponse(_lines(texts), media_type="application/x-ndjson")


async def _lines(texts: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Yield records as lines, many at a time; other requests get their turn in between."""
    while batch := [text + b"\n" for text in islice(texts, _LINES_AT_ONCE)]:
        yield b"".join(batch)
        await asyncio.sleep(0)


def _utc(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
