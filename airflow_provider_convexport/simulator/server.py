"""Running the simulator: in a thread for tests, in the foreground for the command line."""

from __future__ import annotations

import signal
import socket
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import uvicorn

from airflow_provider_convexport.simulator.app import create_app
from airflow_provider_convexport.simulator.settings import SimulatorSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from types import FrameType

    from starlette.applications import Starlette

    from airflow_provider_convexport.simulator.app import Simulator
    from airflow_provider_convexport.simulator.journal import Journal

_START_AT_MOST = 10.0


@dataclass(frozen=True, slots=True)
class RunningSimulator:
    """A simulator that accepts connections.

    :param url: Where, for example ``http://127.0.0.1:43210``; serves all vendors.
    :param simulator: What its endpoints share.
    """

    url: str
    simulator: Simulator

    @property
    def settings(self) -> SimulatorSettings:
        """The settings in force."""
        return self.simulator.settings

    @property
    def journal(self) -> Journal:
        """What was requested since the last reset."""
        return self.simulator.journal

    def update(self, **changes: Any) -> None:
        """Replace settings at run time, for example ``faults=(Fault("reset", at=3),)``."""
        self.simulator.update(**changes)

    def reset(self) -> None:
        """Clear journal and limits; request numbers begin at 1 again."""
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

        :param vendor: ``applied_labs``, ``ada`` or ``agentx``.
        :param stream: ``conversations``, ``messages``, or Applied Labs' ``conversations_listed``.
        :param start: First instant of the window, aware.
        :param end: First instant after it, aware.
        :param scope: Shop id or bot name; the first one if not given.
        :param window_on: Field that the window is laid on; the creation time if not given.
        """
        texts = self.simulator.truth(vendor, stream, window=(start, end), scope=scope, field=window_on)
        return list(texts)


@contextmanager
def running(
    settings: SimulatorSettings | None = None, *, clock: Callable[[], float] | None = None
) -> Iterator[RunningSimulator]:
    """Run the simulator in a background thread, on a free loopback port, for as long as the block lasts.

    :param settings: The settings; the defaults if not given.
    :param clock: Returns epoch seconds; the wall clock if not given.
    """
    settings = settings or SimulatorSettings()
    app = create_app(settings, clock=clock) if clock else create_app(settings)
    listener = _listener("127.0.0.1", port=0)
    ready = threading.Event()
    server = _Server(app, ready=ready.set)
    thread = threading.Thread(target=server.run, args=([listener],), name="simulator", daemon=True)
    thread.start()
    try:
        if not ready.wait(_START_AT_MOST):
            raise TimeoutError("The simulator did not start.")
        yield RunningSimulator(_url(listener), app.state.simulator)
    finally:
        server.should_exit = True
        thread.join(_START_AT_MOST)
        app.state.simulator.close()
        listener.close()


def serve(settings: SimulatorSettings, *, host: str, port: int, announce: Callable[[str], None]) -> None:
    """Run the simulator until SIGTERM or SIGINT.

    :param settings: The settings.
    :param host: Address to listen on.
    :param port: Port to listen on; 0 takes a free one.
    :param announce: Called with the URL as soon as connections are accepted.
    """
    sys.setswitchinterval(0.001)  # arrivals are noticed quickly while an answer is made beside the loop
    for number in (signal.SIGTERM, signal.SIGINT):  # uvicorn raises them again after its own clean stop
        signal.signal(number, _ignore)
    listener = _listener(host, port=port)
    _Server(create_app(settings), ready=lambda: announce(_url(listener))).run([listener])


class _Server(uvicorn.Server):
    """Uvicorn that tells when it accepts connections."""

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
        """Start to listen, then tell."""
        await super().startup(sockets=sockets)
        self._ready()


def _listener(host: str, *, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio switches Nagle's algorithm off only for sockets that say they are TCP.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    return listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """Do nothing."""
