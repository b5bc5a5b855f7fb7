"""Stops the services of a folder as soon as the program that started them ends, in whatever way it ends.

The program holds the other end of a pipe. The system closes it even if the program is killed, and then this
process stops everything. It has a session of its own, so that Ctrl-C in a terminal does not reach it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from dev.cluster.processes import stop_all
from dev.cluster.settings import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextlib.contextmanager
def guarded(folder: Path, *, say: Callable[[], object]) -> Iterator[None]:
    """Stop all services that have their pid file in a folder when the block, or this process, ends.

    The block's end waits until they are stopped. A second Ctrl-C ends the wait, not the stop.

    :param say: Called when the block has ended, before the wait.
    """
    reader, writer = os.pipe()
    guard = subprocess.Popen(
        [sys.executable, "-m", "dev.cluster.guard", str(folder)],
        stdin=reader,
        cwd=REPOSITORY,
        start_new_session=True,
    )
    os.close(reader)
    try:
        yield
    finally:
        os.close(writer)
        say()
        guard.wait()


def main() -> None:
    """Wait for the end of the pipe on the standard input, then stop the services of the named folder."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    stop_all(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
