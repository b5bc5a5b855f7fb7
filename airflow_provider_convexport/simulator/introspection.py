"""The paths under ``/_simulator``: request log, its summary, the records themselves, clock and reset."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Final

from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from airflow_provider_convexport.simulator.http_messages import json_bytes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from starlette.requests import Request

    from airflow_provider_convexport.simulator.app import Simulator

_LINES_PER_CHUNK: Final = 500


def introspection_routes() -> list[Route]:
    """Return the routes; they find the simulator in ``app.state.simulator``."""
    return [
        Route("/_simulator/requests", _requests),
        Route("/_simulator/summary", _summary),
        Route("/_simulator/records/{vendor}/{stream}", _records),
        Route("/_simulator/reset", _reset, methods=["POST"]),
        Route("/_simulator/clock", _clock, methods=["POST"]),
    ]


def _simulator(request: Request) -> Simulator:
    simulator: Simulator = request.app.state.simulator
    return simulator


async def _requests(request: Request) -> Response:
    requests = [each.public() for each in _simulator(request).request_log.requests]
    return Response(json_bytes(requests), media_type="application/json")


async def _summary(request: Request) -> Response:
    return Response(json_bytes(_simulator(request).request_log.summary()), media_type="application/json")


async def _reset(request: Request) -> Response:
    _simulator(request).reset()
    return Response(status_code=204)


async def _clock(request: Request) -> Response:
    """Stop the simulator's clock at the time of the parameter ``now``; without it the clock goes on."""
    try:
        _simulator(request).update(now=request.query_params.get("now"))
    except ValueError as error:
        return Response(json_bytes({"error": str(error)}), 400, media_type="application/json")
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
        message = {"error": f"{type(error).__name__}: {error}"}
        return Response(json_bytes(message), 400, media_type="application/json")
    return StreamingResponse(_lines(texts), media_type="application/x-ndjson")


async def _lines(texts: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Yield records as lines in chunks; other requests are handled between two chunks."""
    while batch := [text + b"\n" for text in islice(texts, _LINES_PER_CHUNK)]:
        yield b"".join(batch)
        await asyncio.sleep(0)


def _utc(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
