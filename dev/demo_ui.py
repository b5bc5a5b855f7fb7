"""Starts Airflow's UI with the example Dags against the simulator, and stops everything when it ends.

Everything is kept below ``--root``, so that the next start goes on with the same runs, exports and
connections.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import re
import shlex
import signal
import socket
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from dev.cluster import airflow
from dev.cluster.cluster import EXAMPLES, Cluster
from dev.cluster.guard import guarded
from dev.cluster.processes import ClusterError, stop_all
from dev.cluster.settings import REPOSITORY, USER, Settings, free_ports
from dev.cluster.sqlite_backend import SqliteBackend
from dev.vendors import connections

if TYPE_CHECKING:
    from collections.abc import Iterator

PORT = 8080
SIMULATOR_PORT = 8600
CATCH_UP = timedelta(days=2)
"""How far before today the copied example Dags begin. From 1 January on they would run for hours."""
LOCK = "lock"
_FIRST_DAY = re.compile(r"(?<=start_date=)datetime\(2026, 1?1, 1, tzinfo=UTC\)")


def main() -> None:
    """Run the demo until it is stopped; exit with one sentence if it cannot start, or if a part ends."""
    options = _options()
    root: Path = options.root.resolve()
    # SIGTERM and a closed terminal end this like Ctrl-C, which shells let their background jobs ignore.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        root.mkdir(parents=True, exist_ok=True)
        with only_one(root):
            stop_all(root / "run")  # what a demo left that was killed
            refuse_taken_port(options.port)
            with guarded(root / "run", say=lambda: say("\nStopping everything.")):
                run(root, options.port)
    except ClusterError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        say("Everything is stopped. The next start goes on with the same data.")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m dev.demo_ui", description=__doc__)
    parser.add_argument("--root", type=Path, default=REPOSITORY / ".demo-ui", help="Folder of everything.")
    parser.add_argument("--port", type=int, default=PORT, help=f"Port of the UI; {PORT} if left out.")
    return parser.parse_args()


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


@contextlib.contextmanager
def only_one(root: Path) -> Iterator[None]:
    """Keep a second demo from starting in the same folder.

    :raises ClusterError: if one is running there.
    """
    with (root / LOCK).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ClusterError(
                f"A demo is running in {shown(root)} already; stop it with Ctrl-C where it was started."
            ) from None
        yield


def run(root: Path, port: int) -> None:
    """Start everything, say how to use it, and watch it.

    :raises ClusterError: if something does not start, or if a part ends.
    """
    start = time.monotonic()
    again = (root / "settings.json").exists()
    old, settings = choose_ports(root, port)
    copy_examples(root / "dags")
    cluster = Cluster.at(
        root,
        SqliteBackend(),
        dags=(root / "dags",),
        # One person uses this, who may send requests from the API server.
        variables={"AIRFLOW__CORE__TEST_CONNECTION": "Enabled"},
        connect=False,
    )
    say(f"{'Going on with' if again else 'Creating'} an Airflow in {shown(root)}; this takes a minute or so.")
    cluster.up(say=say)
    say("Creating the connections, and waiting for the example Dags.")
    airflow.make_connections(settings, settings.url("simulator"))
    if old != settings.url("simulator"):
        cluster.api.move_connections(old, settings.url("simulator"))
    wait_for_dags(cluster, root / "dags")
    write_shell(root / "env.sh", cluster)
    say(f"\nAirflow is ready (started in {time.monotonic() - start:.0f} s).\n")
    describe(cluster)
    watch(cluster)


def refuse_taken_port(port: int) -> None:
    """Raise an error unless the UI can listen on a port.

    :raises ClusterError: if it cannot.
    """
    with socket.socket() as probe:
        # As the server does it, so that connections that have just been closed do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            raise ClusterError(
                f"Port {port} of this machine cannot be used ({error.args[-1]}); choose another one: "
                f"make demo-ui PORT={PORT + 1 if port == PORT else PORT}"
            ) from error


def choose_ports(root: Path, port: int) -> tuple[str, Settings]:
    """Return the simulator's former URL, and the settings with ports that are free now."""
    backend = SqliteBackend()
    first = {"simulator": SIMULATOR_PORT}
    settings = Settings.of(root, backend=backend.name, servers=(*airflow.JOBS, *backend.ports), ports=first)
    taken = [name for name, number in settings.ports.items() if not can_listen(number)]
    return settings.url("simulator"), settings.with_ports({**free_ports(taken), "api-server": port})


def can_listen(port: int) -> bool:
    """Return whether a server can listen on a port."""
    try:
        refuse_taken_port(port)
    except ClusterError:
        return False
    return True


def copy_examples(folder: Path) -> None:
    """Copy the example Dags, for people to edit; they begin some days ago. Files that exist stay."""
    first = datetime.now(UTC).date() - CATCH_UP
    folder.mkdir(exist_ok=True)
    for file in sorted(EXAMPLES.glob("*.py")):
        if not (folder / file.name).exists():
            begin = f"datetime({first.year}, {first.month}, {first.day}, tzinfo=UTC)"
            (folder / file.name).write_text(_FIRST_DAY.sub(begin, file.read_text()))


def wait_for_dags(cluster: Cluster, folder: Path, *, timeout: float = 120) -> None:
    """Wait until every file of a folder has a Dag, or an import error, which is said.

    :param timeout: Seconds.
    :raises ClusterError: if it takes longer.
    """
    files = {file.name for file in folder.glob("*.py")}
    end = time.monotonic() + timeout
    while missing := files - cluster.api.files_of_dags():
        refuse_ended(cluster)
        if time.monotonic() > end:
            raise ClusterError(f"Airflow has not read {', '.join(sorted(missing))} after {timeout:.0f} s.")
        time.sleep(0.5)


def write_shell(file: Path, cluster: Cluster) -> None:
    """Write a file for a shell's ``.``, after which ``airflow`` is this one."""
    variables = {name: value for name, value in sorted(cluster.variables.items()) if value}
    lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    lines.append(f'export PATH={shlex.quote(str(Path(sys.executable).parent))}:"$PATH"')
    file.touch(mode=0o600)
    file.write_text("\n".join(lines) + "\n")


def describe(cluster: Cluster) -> None:
    """Print how to use it."""
    settings = cluster.settings
    names = [name.removeprefix("AIRFLOW_CONN_").lower() for name in connections("")]
    root = shown(settings.root)
    say(
        f"""  address   {settings.url("api-server")}
  sign in   user {USER}, password {settings.password}
  Dags      {root}/dags: copies of the examples, for you to edit, and a place for your own
  exports   {root}/exports
  vendors   a simulator at {settings.url("simulator")}, to which these connections lead:
            {", ".join(names)}
  logs      {root}/run

For the command line, open another terminal here and begin with:
  . {root}/env.sh
  airflow convexport check --conn-id {names[0]}

Ctrl-C stops everything. The next start goes on with the same data; rm -r {root} deletes it."""
    )


def watch(cluster: Cluster) -> None:
    """Wait until a part ends.

    :raises ClusterError: with the end of its log.
    """
    while True:
        refuse_ended(cluster)
        time.sleep(1)


def refuse_ended(cluster: Cluster) -> None:
    """Raise an error if a part has ended.

    :raises ClusterError: with the end of its log.
    """
    for service in cluster.services.values():
        if service.has_ended():
            raise ClusterError(
                f"{service.log_tail()}\n\nThe {service.name} has ended; above is the end of its log, "
                f"{shown(service.log)}."
            )


def shown(path: Path) -> str:
    """Return a path as a reader would write it, below the folder that the reader is in."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


def say(text: str) -> None:
    """Print a text without buffering."""
    print(text, flush=True)


if __name__ == "__main__":
    main()
