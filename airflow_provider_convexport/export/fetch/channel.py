"""One thread's way to the vendor, which another thread can end: sleeps wake, and sockets are shut down.

A thread that sleeps, or reads from a socket, notices nothing else. Without this, a task that Airflow ends
would wait for its threads for minutes, or for ever if an answer arrives byte by byte.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import weakref
from typing import TYPE_CHECKING, Any, cast

import requests
import urllib3
from urllib3.connection import HTTPConnection

from airflow_provider_convexport.export.fetch.deadline import Deadlines
from airflow_provider_convexport.export.fetch.transport import PacedAdapter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from urllib3 import PoolManager, ProxyManager
    from urllib3.connectionpool import HTTPConnectionPool

    from airflow_provider_convexport.export.fetch.transport import Permit


class ChannelEndedError(Exception):
    """The channel was ended while its thread slept or read; nothing more is sent through it."""


class LateAnswerError(Exception):
    """An answer was not complete at its deadline."""


class Channel:
    """A session of one thread, its sleeps, and the deadline of the answer that it reads.

    :param session: The session; its transport is replaced by one that waits for permits.
    :param permit: Called for each request; returns when it may be written.
    :param deadlines: Those of all channels of a client.
    :param sleep: Sleeps for some seconds, in tests; by default the sleep ends when the channel is ended.
    """

    def __init__(
        self,
        session: requests.Session,
        permit: Permit,
        deadlines: Deadlines,
        *,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self.session = session
        self._sleep = sleep
        self._ended = threading.Event()
        self._sockets = _Sockets()
        self._lateness = _Lateness(self._sockets)
        self._deadlines = deadlines
        self.process = os.getpid()
        """The process that opened it; a forked one must not use its connections."""
        for prefix in ("http://", "https://"):
            session.mount(prefix, _WatchedAdapter(permit, self._sockets.add))

    @property
    def has_ended(self) -> bool:
        """Return whether the channel was ended."""
        return self._ended.is_set()

    def end(self) -> None:
        """Wake the thread if it sleeps, and let it send nothing more; an answer that it reads may arrive."""
        self._ended.set()

    def shut_down(self) -> None:
        """Do the same, and shut down the sockets, so that the thread reads nothing more."""
        self.end()
        self._sockets.shut_down()

    def check(self) -> None:
        """Check that the channel is still in use.

        :raises ChannelEndedError: if it was ended.
        """
        if self._ended.is_set():
            raise ChannelEndedError

    def sleep(self, seconds: float) -> None:
        """Sleep.

        :raises ChannelEndedError: as soon as the channel is ended.
        """
        if self._sleep is None:
            self._ended.wait(seconds)
        else:
            self._sleep(seconds)
        self.check()

    @contextlib.contextmanager
    def answer_within(self, seconds: float) -> Iterator[None]:
        """Shut down the sockets if the body does not end within some seconds.

        :raises LateAnswerError: if it did not end in time.
        :raises ChannelEndedError: if the connection failed because the channel was shut down.
        """
        self._lateness.has_begun = False
        self.restart_deadline(seconds)
        try:
            yield
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError):
            self.check()
            if self._lateness.has_begun:
                raise LateAnswerError from None
            raise
        finally:
            self.suspend_deadline()
        if self._lateness.has_begun:
            raise LateAnswerError

    def restart_deadline(self, seconds: float) -> None:
        """Let the deadline be some seconds from now."""
        self._deadlines.set(self._lateness, seconds)

    def suspend_deadline(self) -> None:
        """Let there be no deadline, while no answer is expected yet or any more."""
        self._deadlines.lift(self._lateness)


class Channels:
    """The channels of all threads of a client.

    :param open_channel: Opens a channel with deadlines; called once per thread, and again after the channel
        was ended.
    """

    def __init__(self, open_channel: Callable[[Deadlines], Channel]) -> None:
        self._open_channel = open_channel
        self._deadlines = self._new_deadlines()
        self._process = os.getpid()
        self._thread = threading.local()
        self._all = weakref.WeakSet[Channel]()
        self._lock = threading.Lock()

    @property
    def opened(self) -> Channel:
        """The channel that this thread has opened."""
        return cast("Channel", self._thread.channel)

    def open(self) -> Channel:
        """Return this thread's channel; a new one if it has none, if it was ended, or after a fork."""
        channel: Channel | None = getattr(self._thread, "channel", None)
        if channel is None or channel.has_ended or channel.process != os.getpid():
            channel = self._thread.channel = self._open_channel(self._deadlines_here())
            with self._lock:
                self._all.add(channel)
        return channel

    def rest(self) -> None:
        """End the thread that watches the deadlines, until another one is set."""
        self._deadlines_here().close()

    def end(self) -> None:
        """End all channels of this process."""
        for channel in self._of_this_process():
            channel.end()

    def shut_down(self) -> None:
        """Shut down all channels of this process."""
        for channel in self._of_this_process():
            channel.shut_down()

    def _deadlines_here(self) -> Deadlines:
        """Return the deadlines; after a fork other ones, because their thread was not forked."""
        with self._lock:
            if self._process != os.getpid():
                self._process, self._deadlines = os.getpid(), self._new_deadlines()
            return self._deadlines

    def _new_deadlines(self) -> Deadlines:
        deadlines = Deadlines()
        weakref.finalize(self, deadlines.end).atexit = False
        return deadlines

    def _of_this_process(self) -> list[Channel]:
        with self._lock:
            return [channel for channel in self._all if channel.process == os.getpid()]


class _Sockets:
    """The sockets that were opened last; the session of one thread uses one at a time."""

    _KEPT = 8

    def __init__(self) -> None:
        self._opened: list[Any] = []

    def add(self, opened: Any) -> None:
        self._opened = [*self._opened[1 - self._KEPT :], opened]

    def shut_down(self) -> None:
        for opened in self._opened:
            # The method of SSLSocket would discard the state of TLS while another thread uses it.
            plain = getattr(opened, "socket", opened)  # TLS within TLS, with a proxy that uses TLS itself
            with contextlib.suppress(OSError):  # closed, or not connected any more
                socket.socket.shutdown(plain, socket.SHUT_RDWR)


class _Lateness:
    """Whether an answer has missed its deadline.

    :param sockets: Shut down as soon as it has.
    """

    def __init__(self, sockets: _Sockets) -> None:
        self._sockets = sockets
        self.has_begun = False

    def begin(self) -> None:
        self.has_begun = True
        self._sockets.shut_down()


class _WatchedAdapter(PacedAdapter):
    """A transport adapter that reports the sockets that it opens.

    :param permit: Called for each request; returns when it may be written.
    :param opened: Called with each socket, before and after its TLS handshake.
    """

    def __init__(self, permit: Permit, opened: Callable[[Any], None]) -> None:
        self._opened = opened
        super().__init__(permit)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Create the pools for direct connections."""
        super().init_poolmanager(*args, **kwargs)
        self._watch(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> ProxyManager:
        """Return the pools for connections through a proxy."""
        manager = super().proxy_manager_for(*args, **kwargs)
        self._watch(manager)
        return manager

    def _watch(self, manager: PoolManager) -> None:
        manager.pool_classes_by_scheme = {
            scheme: _watched(cast("type[HTTPConnectionPool]", pool), self._opened)
            for scheme, pool in manager.pool_classes_by_scheme.items()
        }


class _Watched(HTTPConnection):
    """A connection that reports its sockets."""

    opened: Callable[[Any], None]

    def _new_conn(self) -> socket.socket:
        plain = super()._new_conn()
        self.opened(plain)
        return plain

    def connect(self) -> None:
        super().connect()
        self.opened(self.sock)


def _watched(pool: type[HTTPConnectionPool], opened: Callable[[Any], None]) -> type[HTTPConnectionPool]:
    """Return a class of pools whose connections report their sockets."""
    connection = type("Watched", (_Watched, pool.ConnectionCls), {"opened": staticmethod(opened)})
    return type("WatchedPool", (pool,), {"ConnectionCls": connection})
