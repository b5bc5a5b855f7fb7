"""Run the simulator: in a thread for tests, or in the foreground for the command line."""

from __future__ import annotations

import signal
import socket
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import uvicorn

from airflow_provider_convexport.simulator.app import create_app
from airflow_provider_convexport.simulator.settings import SimulatorSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime
    from types import FrameType

    from starlette.applications import Starlette

    from airflow_provider_convexport.simulator.app import Simulator
    from airflow_provider_convexport.simulator.request_log import RequestLog
    from airflow_provider_convexport.simulator.vendor_api import VendorApi

_MAX_START_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class RunningSimulator:
    """A simulator that accepts connections.

    :param url: Its address, for example ``http://127.0.0.1:43210``, for all vendors.
    :param simulator: The state that its endpoints share.
    """

    url: str
    simulator: Simulator

    @property
    def settings(self) -> SimulatorSettings:
        """The settings in force."""
        return self.simulator.settings

    @property
    def request_log(self) -> RequestLog:
        """The requests since the last reset."""
        return self.simulator.request_log

    def update(self, **changes: Any) -> None:
        """Replace some settings at run time, for example ``faults=(Fault("reset", at=3),)``."""
        self.simulator.update(**changes)

    def reset(self) -> None:
        """Clear the request log and the counters of the limits; request numbers begin at 1 again."""
        self.simulator.reset()

    def truth(
        self,
        vendor: str,
        stream: str,
        start: datetime,
        end: datetime,
        *,
        scope: str | None = None,
        window_on: str | None = None,
    ) -> list[bytes]:
        """Return the exact records whose window field lies in ``[start, end)``, by time.

        :param vendor: Name of the vendor, which is its connection type, such as ``ada``.
        :param stream: ``conversations``, ``messages``, or Applied Labs' ``conversations_listed``.
        :param start: First instant of the half-open window, aware.
        :param end: First instant after it, aware.
        :param scope: Shop id or bot name; the vendor's first one if not given.
        :param window_on: Field by which the window selects records; the time of creation if not given.
        :raises LookupError: The vendor, stream, scope or field is unknown.
        """
        texts = self.simulator.truth(vendor, stream, window=(start, end), scope=scope, field=window_on)
        return list(texts)


@contextmanager
def running(
    settings: SimulatorSettings | None = None,
    *,
    vendors: Iterable[VendorApi] = (),
    clock: Callable[[], float] = time.time,
) -> Iterator[RunningSimulator]:
    """Run the simulator in a background thread, on a free loopback port, while the block runs.

    :param settings: The settings; the defaults if not given.
    :param vendors: Vendors besides those of the package.
    :param clock: Returns seconds since the epoch; the wall clock if not given.
    :raises TimeoutError: The simulator does not accept connections after ten seconds.
    """
    app = create_app(settings or SimulatorSettings(), vendors=vendors, clock=clock)
    listener = _listener("127.0.0.1", port=0)
    ready = threading.Event()
    server = _Server(app, ready=ready.set)
    thread = threading.Thread(target=server.run, args=([listener],), name="simulator", daemon=True)
    thread.start()
    try:
        if not ready.wait(_MAX_START_SECONDS):
            raise TimeoutError("The simulator did not start.")
        yield RunningSimulator(_url(listener), app.state.simulator)
    finally:
        server.should_exit = True
        thread.join(_MAX_START_SECONDS)
        app.state.simulator.close()
        listener.close()


def serve(settings: SimulatorSettings, *, host: str, port: int, announce: Callable[[str], None]) -> None:
    """Run the simulator until SIGTERM or SIGINT.

    :param settings: The settings.
    :param host: Address to listen on.
    :param port: Port to listen on; 0 takes a free one.
    :param announce: Called with the URL as soon as connections are accepted.
    """
    sys.setswitchinterval(
        0.001
    )  # the event loop notes arrivals in time while another thread makes a response
    for number in (signal.SIGTERM, signal.SIGINT):  # uvicorn raises them again after it has shut down
        signal.signal(number, _ignore)
    listener = _listener(host, port=port)
    _Server(create_app(settings), ready=lambda: announce(_url(listener))).run([listener])


class _Server(uvicorn.Server):
    """A server that calls ``ready`` when it accepts connections."""

    def __init__(self, app: Starlette, *, ready: Callable[[], None]) -> None:
        config = uvicorn.Config(
            app,
            loop="asyncio",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            timeout_graceful_shutdown=1,
        )
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen, then call ``ready``."""
        await super().startup(sockets=sockets)
        self._ready()


def _listener(host: str, *, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio disables Nagle's algorithm only for sockets that were created with IPPROTO_TCP.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    return listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """Do nothing."""
