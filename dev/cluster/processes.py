"""Servers as processes that outlive this one; they are found by pid files and stopped with all children."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

RESTARTER = Path(__file__).with_name("restart.sh")


class ClusterError(Exception):
    """An action on the cluster failed; the message says why, and where to find more."""


@dataclass(frozen=True, slots=True)
class Service:
    """One server of a cluster.

    :param name: Its name.
    :param command: Command that runs in the foreground.
    :param folder: Folder of its log and its pid file.
    :param is_ready: Returns whether it is ready; may take seconds.
    :param environment: Further environment variables.
    :param restart: Whether it is restarted if it exits, as a container would be.
    :param stop_signal: Signal for a clean exit.
    :param stop_timeout: Seconds to wait for a clean exit before it is killed.
    """

    name: str
    command: tuple[str, ...]
    folder: Path
    is_ready: Callable[[], bool]
    environment: Mapping[str, str] = field(default_factory=dict)
    restart: bool = False
    stop_signal: signal.Signals = signal.SIGTERM
    stop_timeout: float = 20.0

    @property
    def log(self) -> Path:
        """The file with its output."""
        return self.folder / f"{self.name}.log"

    @property
    def pid_file(self) -> Path:
        """The file with the id and the start time of its session."""
        return self.folder / f"{self.name}.pid"

    def start(self) -> None:
        """Start it in a session of its own, unless it is running."""
        if self.processes():
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        command = (str(RESTARTER), *self.command) if self.restart else self.command
        # Without subprocess.Popen, which warns about processes that outlive it.
        with self.log.open("ab") as log:
            pid = os.posix_spawnp(
                command[0],
                command,
                {**os.environ, **self.environment},
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_DUP2, log.fileno(), 1),
                    (os.POSIX_SPAWN_DUP2, log.fileno(), 2),
                ],
                setsid=True,
            )
        self.pid_file.write_text(f"{pid} {_start_of(pid)}")

    def wait(self, *, timeout: float = 180.0) -> None:
        """Wait until it is ready.

        :param timeout: Seconds.
        :raises ClusterError: if it is not ready in time, or exits.
        """
        end = time.monotonic() + timeout
        while not self.is_ready():
            if not self.processes():
                raise ClusterError(f"{self.name} ended:\n{self.log_tail()}")
            if time.monotonic() > end:
                raise ClusterError(f"{self.name} is not ready after {timeout:.0f} s:\n{self.log_tail()}")
            time.sleep(0.2)

    def stop(self) -> None:
        """Stop it; kill the remaining processes after `stop_timeout`."""
        running = self.processes()
        if running and self.restart:
            _send(running[:1], signal.SIGKILL)  # the shell script, which would restart it
            _send(_children(running[0]), self.stop_signal)
        elif self.has_ended():
            _send(running, signal.SIGKILL)  # what its children would wait for is gone
        else:
            _send(running[:1], self.stop_signal)
        end = time.monotonic() + self.stop_timeout
        while self.processes() and time.monotonic() < end:
            time.sleep(0.05)
        self.kill()

    def kill(self) -> None:
        """Kill it and all its children with SIGKILL, as if its machine were lost."""
        while running := self.processes():
            _send(running, signal.SIGKILL)
            time.sleep(0.05)
        self.pid_file.unlink(missing_ok=True)

    def processes(self) -> list[int]:
        """Return the ids of its running processes: the leader of its session first, then all others."""
        try:
            session, start = self.pid_file.read_text().split()
        except (FileNotFoundError, ValueError):
            return []
        with contextlib.suppress(ChildProcessError):
            os.waitpid(int(session), os.WNOHANG)  # reaps it if this process started it and it has ended
        if _start_of(int(session)) not in (start, ""):
            return []  # another process has that id now
        return _family(int(session))

    def has_ended(self) -> bool:
        """Return whether its first process is gone; unlike `processes`, it does not look for its children."""
        try:
            session, start = self.pid_file.read_text().split()
        except (FileNotFoundError, ValueError):
            return True
        with contextlib.suppress(ChildProcessError):
            os.waitpid(int(session), os.WNOHANG)
        return _start_of(int(session)) != start

    def log_tail(self) -> str:
        """Return the last lines of its output."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(lines[-25:])


def stop_all(folder: Path) -> None:
    """Stop all services that have their pid file in a folder, side by side."""
    services = [Service(file.stem, (), folder, lambda: False) for file in folder.glob("*.pid")]
    with ThreadPoolExecutor(max(1, len(services))) as pool:
        list(pool.map(Service.stop, services))


@dataclass(frozen=True, slots=True)
class _Process:
    pid: int
    parent: int
    session: int


def _family(session: int) -> list[int]:
    """Return the processes of a session and all their descendants."""
    alive = list(_alive())
    family = {each.pid for each in alive if each.session == session}
    grown = True
    while grown:
        offspring = {each.pid for each in alive if each.parent in family} - family
        family |= offspring
        grown = bool(offspring)
    return sorted(family, key=lambda pid: (pid != session, pid))


def _alive() -> Iterable[_Process]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                state, parent, _, session, *_ = (entry / "stat").read_text().rpartition(")")[2].split()
                if state != "Z":
                    yield _Process(int(entry.name), int(parent), int(session))


def _children(parent: int) -> list[int]:
    return [each.pid for each in _alive() if each.parent == parent]


def _start_of(pid: int) -> str:
    """Return the start time of a process, in clock ticks since boot; empty if it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _send(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
