"""Counts requests in a file, for all processes of one user on one machine."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import secrets
import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pyrate_limiter import RateItem, SQLiteBucket

from airflow_provider_convexport.errors import ConfigurationError, IncompleteExportError
from airflow_provider_convexport.export.fetch.limit import LONGEST_WAITED_MS
from airflow_provider_convexport.export.fetch.shared_folder import file_of, own_folder
from airflow_provider_convexport.export.file_lock import lock_within

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyrate_limiter import Rate

log = logging.getLogger(__name__)

_LOCK_POLL = 0.002
"""Seconds between two tries to take a lock, which other processes hold for about a millisecond."""

_LOCK_PATIENCE = 0.25
"""Seconds of such tries, after which the caller is told to come again."""

LOCK_WARNING = 5.0
"""Seconds after which a lock that another process holds is logged."""

LOCK_LIMIT = 60.0
"""Seconds after which it is an error."""

_CLOCK_AGE_MS = 1_000
"""Milliseconds after which the times of both clocks are noted again."""

_LEAK_EVERY = 50
"""Number of permits after which expired requests are removed from the file."""

_held: set[int] = set()
"""Files that are or become locked by this process."""


def _close_inherited() -> None:
    # Otherwise a lock that another thread held during a fork would be held until the child ends.
    while _held:
        with contextlib.suppress(OSError):
            os.close(_held.pop())


os.register_at_fork(after_in_child=_close_inherited)


def boot_clock() -> float:
    """Return the seconds since the machine was started, on a clock that nobody can set."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


@functools.cache
def boot_id() -> str:
    """Return what identifies the start of this machine; empty if the system does not tell."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


class FileCounter:
    """A log of requests in a SQLite file, whose times do not depend on the wall clock.

    If the file was deleted or is damaged, nobody knows what was sent: the limit counts as reached for one
    period, if that is not longer than about an hour. After a restart of the machine, the age of the requests
    is told by the wall clock. A process that dies leaves no lock behind.

    :param folder: Folder of the files; created if it does not exist.
    :param name: Name of the counter, which is not visible in the file's name.
    :param rates: The limits, shortest period first.
    :param clock: Returns the seconds since the machine was started.
    :param boot: Returns what identifies that start.
    :raises ConfigurationError: if the folder cannot be used.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        rates: list[Rate],
        *,
        clock: Callable[[], float] = boot_clock,
        boot: Callable[[], str] = boot_id,
    ) -> None:
        self._folder = folder
        self._path = file_of(folder, name, "budget.sqlite")
        self._rates = rates
        self._clock = clock
        self._boot = boot
        self._bucket: SQLiteBucket | None = None
        self._inherited: list[SQLiteBucket] = []
        self._opened = (0, 0)
        self.last = ""
        self._counted = 0.0
        self._noted = -_CLOCK_AGE_MS
        self._was_open = False
        self._locked_since: float | None = None
        self._warned = False
        self._granted = 0
        with self._errors_converted(), self._lock():
            pass

    def take(self) -> float:
        """Count one request and return 0, or return the seconds until it may be allowed.

        :raises IncompleteExportError: if another process keeps the file locked for a minute.
        """
        with self._errors_converted(), self._lock() as used:
            if used is None:
                return self._locked_by_another()
            self._locked_since, self._warned = None, False
            try:
                return self._take(used=used)
            except sqlite3.DatabaseError as error:
                if not _is_damage(error):
                    raise
            self.close()
            self._path.unlink(missing_ok=True)
            return self._take(used=True)

    def give_back(self) -> None:
        """Remove the request that was counted last by this object, because it is not sent."""
        with self._errors_converted(), self._lock() as used:
            if used is not None and self._bucket is not None:
                _remove(self._bucket, self.last)
                self._bucket.conn.commit()

    def age(self) -> float:
        """Return the seconds since the request that was counted last by this object was counted."""
        return self._clock() - self._counted

    def postpone(self, request: str) -> None:
        """Count a request, which was counted before, as sent now; raises the errors of `take`."""
        with self._errors_converted():
            while not self._postponed(request):
                time.sleep(self._locked_by_another())
            self._locked_since, self._warned = None, False

    def close(self) -> None:
        """Close the file; the next request opens it again."""
        if self._bucket is not None:
            self._bucket.close()  # type: ignore[no-untyped-call]
        self._bucket = None

    def _postponed(self, request: str) -> bool:
        with self._lock() as used:
            if used is None:
                return False
            bucket = self._current(used=used)
            _remove(bucket, request)
            _insert(bucket, request, self._adjusted(bucket))
            bucket.conn.commit()
            return True

    def _take(self, *, used: bool) -> float:
        bucket = self._current(used=used)
        now = self._adjusted(bucket)
        item = RateItem(secrets.token_hex(8), now)
        granted = bucket.put(item)
        if granted:
            self.last, self._counted = item.name, now / 1000
        wait = 0 if granted else bucket.waiting(item)
        # Expired requests are not counted; removing them costs as much as counting one.
        if not granted or not self._granted % _LEAK_EVERY:
            bucket.leak(now)
        self._granted += granted
        assert isinstance(wait, int)  # noqa: S101 - only asynchronous buckets return anything else
        return 0.0 if granted else max(wait, 1) / 1000

    def _current(self, *, used: bool) -> SQLiteBucket:
        """Return the open file; opened again after a fork, or if it was deleted or replaced."""
        if self._bucket is not None and self._opened[0] != os.getpid():
            self._inherited.append(self._bucket)  # may be neither used nor closed in this process
            self._bucket = None
        if self._bucket is not None and self._opened[1] != _inode(self._path):
            self.close()
        if self._bucket is None:
            self._bucket, self._noted = self._open(lost=used or self._was_open), -_CLOCK_AGE_MS
            self._opened = (os.getpid(), _inode(self._path))
            self._was_open = True
        return self._bucket

    def _open(self, *, lost: bool) -> SQLiteBucket:
        # The library would leave a connection to a damaged file open.
        with contextlib.closing(sqlite3.connect(self._path)) as probe:
            probe.execute("SELECT count(*) FROM sqlite_master")
        bucket = SQLiteBucket.init_from_file(self._rates, db_path=str(self._path))
        try:
            # Neither a killed process nor another one needs the file on the disk itself.
            bucket.conn.execute("PRAGMA synchronous=OFF")
            # A journal that is created and deleted for each request costs more than the request.
            bucket.conn.execute("PRAGMA journal_mode=PERSIST")
            bucket.conn.execute("CREATE TABLE IF NOT EXISTS clock (boot TEXT, moment INTEGER, wall INTEGER)")
            if bucket.conn.execute("SELECT 1 FROM clock").fetchone() is None:
                now = round(self._clock() * 1000)
                bucket.conn.execute("INSERT INTO clock VALUES (?, ?, ?)", (self._boot(), now, _wall()))
                if lost:
                    self._fill(bucket, now)
            bucket.conn.commit()
        except BaseException:
            bucket.close()  # type: ignore[no-untyped-call]
            raise
        return bucket

    def _fill(self, bucket: SQLiteBucket, now: int) -> None:
        log.warning(
            "The file that counted this account's requests in %s was deleted or damaged; "
            "the vendor's limit counts as reached for one period.",
            self._folder,
        )
        count = max((rate.limit for rate in self._rates if rate.interval <= LONGEST_WAITED_MS), default=0)
        for _ in range(count):
            _insert(bucket, "lost", now)

    def _adjusted(self, bucket: SQLiteBucket) -> int:
        """Return the current time, after moving all times to this start of the machine's clock."""
        now = round(self._clock() * 1000)
        if 0 <= now - self._noted < _CLOCK_AGE_MS:
            return now
        boot, moment, wall = bucket.conn.execute("SELECT boot, moment, wall FROM clock").fetchone()
        if boot != self._boot() or now < moment:
            shift = now - max(0, _wall() - wall) - moment
            bucket.conn.execute(
                f"UPDATE '{bucket.table}' SET item_timestamp = item_timestamp + ?",  # noqa: S608 - the constant
                (shift,),
            )
        bucket.conn.execute("UPDATE clock SET boot = ?, moment = ?, wall = ?", (self._boot(), now, _wall()))
        self._noted = now
        return now

    def _locked_by_another(self) -> float:
        now = time.monotonic()
        if self._locked_since is None:
            self._locked_since = now
        seconds = now - self._locked_since
        if seconds > LOCK_LIMIT:
            raise IncompleteExportError(
                f"Another process has locked the request budget in {self._folder} for {seconds:.0f} seconds, "
                "so no request was sent; end or continue that process if it is stopped. "
                "Nothing was published, and progress is kept for the next try."
            )
        if seconds > LOCK_WARNING and not self._warned:
            self._warned = True
            log.warning(
                "Waiting for the request budget in %s, which another process has locked for %.0f s; "
                "end or continue that process if it is stopped.", self._folder, seconds,
            )  # fmt: skip
        return _LOCK_POLL

    @contextlib.contextmanager
    def _lock(self) -> Iterator[bool | None]:
        """Hold the lock, and say whether it was ever used before; ``None`` if another process holds it."""
        path = self._path.with_suffix(".lock")
        own_folder(self._folder)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        _held.add(file)
        try:
            if not lock_within(file, _LOCK_PATIENCE, poll=_LOCK_POLL) or os.fstat(file).st_ino != _inode(
                path
            ):
                yield None
                return
            yield os.fstat(file).st_size > 0
            if self._bucket is not None:
                os.pwrite(file, b"used\n", 0)
        finally:
            _held.discard(file)
            os.close(file)

    @contextlib.contextmanager
    def _errors_converted(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            raise ConfigurationError(
                f"The request budget cannot be kept in {self._folder} ({type(error).__name__}); set TMPDIR "
                "to a folder that this user can write to, or [convexport] budget_storage to 'memory' or a "
                "redis:// URL."
            ) from error


def _insert(bucket: SQLiteBucket, name: str, moment: int) -> None:
    sql = f"INSERT INTO '{bucket.table}' VALUES (?, ?)"  # noqa: S608 - the library's constant
    bucket.conn.execute(sql, (name, moment))


def _remove(bucket: SQLiteBucket, name: str) -> None:
    sql = f"DELETE FROM '{bucket.table}' WHERE name = ?"  # noqa: S608 - the library's constant
    bucket.conn.execute(sql, (name,))


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return 0


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    return not isinstance(error, sqlite3.OperationalError) or "no such" in str(error)


def _wall() -> int:
    return round(time.time() * 1000)
