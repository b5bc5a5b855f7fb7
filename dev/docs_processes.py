"""Starts the commands of the documentation so that another thread can end all of their processes.

Each command leads a process group of its own. So neither Ctrl-C in a terminal nor a signal to the script
reaches it: `Processes.stop` ends what is left.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


class StoppedError(Exception):
    """Everything has been stopped, so no further command runs."""


class Processes:
    """Commands and what they have left running in the background.

    :param parent: Processes that stop these, too, when they are stopped.
    """

    def __init__(self, parent: Processes | None = None) -> None:
        self._groups: set[int] = set()
        self._offspring: list[Processes] = []
        self._stopped = False
        self._lock = threading.Lock()
        if parent is not None:
            parent.adopt(self)

    def adopt(self, other: Processes) -> None:
        """Stop others whenever these are stopped.

        :raises StoppedError: These have been stopped.
        """
        with self._lock:
            self._refuse_if_stopped()
            self._offspring.append(other)

    def run(
        self, command: Sequence[str], *, environment: Mapping[str, str], folder: Path, timeout: float
    ) -> tuple[int, str, str]:
        """Run a command; return its status, its output and its errors.

        What it leaves in the background goes on until `stop`.

        :param environment: All of its environment variables.
        :param folder: Where it runs.
        :param timeout: Seconds.
        :raises StoppedError: It was ended by `stop`, or was not started after it.
        :raises TimeoutError: It took longer, and was killed with all others.
        """
        # Not pipes: a process in the background would keep them open.
        with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
            with self._lock:
                self._refuse_if_stopped()
                process = subprocess.Popen(
                    command,
                    env=dict(environment),
                    cwd=folder,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=errors,
                    process_group=0,
                )
                self._groups.add(process.pid)
            with process:
                try:
                    status = process.wait(timeout)
                except subprocess.TimeoutExpired:
                    self.stop()
                    raise TimeoutError(f"{command[-1]} took more than {timeout:g} s.") from None
            self._forget_if_gone(process.pid)
            output.seek(0)
            errors.seek(0)
            return status, output.read(), errors.read()

    def stop(self) -> None:
        """Kill everything that runs; nothing starts after this."""
        with self._lock:
            self._stopped = True
            for each in self._offspring:
                each.stop()
            for group in self._groups:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(group, signal.SIGKILL)
            self._groups.clear()

    def _forget_if_gone(self, group: int) -> None:
        """Forget a group without processes, whose number the system may give to another one."""
        with self._lock:
            self._refuse_if_stopped()
            try:
                os.killpg(group, 0)
            except ProcessLookupError:
                self._groups.discard(group)

    def _refuse_if_stopped(self) -> None:
        if self._stopped:
            raise StoppedError("The commands of the documentation were stopped.")
