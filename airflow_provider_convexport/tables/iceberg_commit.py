"""Commits the partitions of a run to an Iceberg table: one transaction, never twice, the newer version wins.

Each attempt loads the table, looks for the run's own commit, looks at which version each partition holds now,
and builds a transaction on exactly that snapshot. The catalog takes it only if the table still has that
snapshot. So whatever others commit in between makes an attempt fail, and the next one sees it. That is why
pyiceberg's own retry is not used: it would repeat the transaction on a newer snapshot after a check of data
files alone, which does not see that somebody else has recorded a newer version without rows. And it deletes
the metadata of its last attempt whenever the catalog answers that this one has failed, even if a client
library has sent the request twice and the first one has arrived.
"""

from __future__ import annotations

import logging
import random
import time
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_convexport.tables.iceberg_problems import CatalogProblem, explained, unavailable
from airflow_provider_convexport.tables.iceberg_transaction import TransactionWriter
from airflow_provider_convexport.tables.iceberg_version import held
from airflow_provider_convexport.tables.target import WrittenPartition, verdict_on

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pyiceberg.table import Table as IcebergTable
    from pyiceberg.table import Transaction

    from airflow_provider_convexport.tables.iceberg_transaction import Uploaded
    from airflow_provider_convexport.tables.iceberg_version import Held
    from airflow_provider_convexport.tables.schema import Table
    from airflow_provider_convexport.tables.target import TablePartition

log = logging.getLogger(__name__)

_LONGEST_WAIT = 5.0


@dataclass(slots=True)
class _Attempt:
    """A transaction that was sent.

    :param snapshot_id: Id of its last snapshot.
    :param base: Id of the snapshot that it was built on; ``None`` if the table had none.
    :param partitions: What it switches.
    """

    snapshot_id: int
    base: int | None
    partitions: list[Uploaded]
    transaction: Transaction
    is_doubtful: bool = True


@dataclass(slots=True)
class TableCommit:
    """The commit of one run to one table.

    :param load: Loads the table from the catalog, and checks it.
    :param name: The table's full name, for messages.
    :param table: The table's schema.
    :param commit: Id of the commit, which is in the names of its files and used for nothing else.
    :param task: The task instance, for the snapshot's summary.
    :param uploaded: The partitions.
    :param tries: Maximum number of attempts.
    :param wait: Seconds to wait after the first attempt; doubles with each.
    """

    load: Callable[[], IcebergTable]
    name: str
    table: Table
    commit: str
    task: str
    uploaded: list[Uploaded]
    tries: int
    wait: float
    _attempts: list[_Attempt] = field(default_factory=list)
    _writer: TransactionWriter = field(init=False)

    def __post_init__(self) -> None:
        self._writer = TransactionWriter(self.table, self.commit, self.task)

    def run(self) -> list[WrittenPartition]:
        """Commit, and return the partitions that hold a version of this commit.

        Files that no snapshot names are deleted where that is certain.

        :raises ConfigurationError: if the table has other columns or partitions, or the catalog refuses.
        :raises DestinationUnavailableError: if the catalog gives no usable answer.
        """
        from pyiceberg.exceptions import CommitFailedException

        problem = "no attempt was made"
        for number in range(self.tries):
            if number:
                time.sleep(min(self.wait * 2 ** (number - 1), _LONGEST_WAIT) * random.uniform(0.5, 1.0))  # noqa: S311 - spreads writers
            try:
                table = self.load()
                with explained():
                    there = held(table, [each.key for each in self.uploaded])
                if (written := self._landed(table)) is None and (wanted := self._wanted(there)):
                    self._send(table, wanted, there)
                    written = wanted
            except CatalogProblem as error:
                problem = error.problem
                log.warning(
                    "The commit %s to %s got no clear answer (%s); it is looked for before another attempt.",
                    self.commit,
                    self.name,
                    problem,
                )
                continue
            except CommitFailedException:
                problem = "other writers were faster"
                log.info("Others have changed %s in the meantime; the commit is built again.", self.name)
                continue
            return self._finish(table, written or [], there)
        raise unavailable(self.name, f"{problem}, {self.tries} attempts")

    @property
    def was_sent(self) -> bool:
        """Whether the catalog was asked to switch, with whatever answer."""
        return bool(self._attempts)

    def _landed(self, table: IcebergTable) -> list[Uploaded] | None:
        """Return what an earlier attempt has switched, if one of them arrived after all."""
        by_id = {attempt.snapshot_id: attempt for attempt in self._attempts}
        for snapshot in table.snapshots():
            if snapshot.snapshot_id in by_id:
                return by_id[snapshot.snapshot_id].partitions
        for attempt in self._attempts:
            if not attempt.is_doubtful:
                _discard_metadata(attempt)
        return None

    def _wanted(self, there: Mapping[TablePartition, Held]) -> list[Uploaded]:
        """Return the partitions that are to be replaced."""
        wanted = []
        for each in self.uploaded:
            verdict = verdict_on(there[each.key].version, each.version)
            if verdict == "write":
                wanted.append(each)
            elif verdict == "newer":
                log.warning(
                    "The day %s of %s in the Iceberg table %s keeps its version, which is newer than the one "
                    "that this run has built.",
                    each.key.date,
                    each.key.vendor,
                    self.name,
                )
        return wanted

    def _send(
        self, table: IcebergTable, wanted: list[Uploaded], there: Mapping[TablePartition, Held]
    ) -> None:
        """Send one transaction that replaces partitions.

        :raises CommitFailedException: if the table has changed since it was loaded; nothing was switched.
        :raises CatalogProblem: if it is not known whether it was switched.
        """
        from pyiceberg.exceptions import CommitFailedException
        from pyiceberg.table.update import AssertTableUUID

        head = table.current_snapshot()
        transaction = table.transaction()
        self._writer.fill(
            transaction, table, wanted, [file for each in wanted for file in there[each.key].files]
        )
        snapshot = transaction.table_metadata.current_snapshot()
        if snapshot is None:
            raise TypeError("A transaction must have a snapshot.")
        attempt = _Attempt(
            snapshot.snapshot_id, None if head is None else head.snapshot_id, wanted, transaction
        )
        self._attempts.append(attempt)
        requirements = (*transaction._requirements, AssertTableUUID(uuid=table.metadata.table_uuid))
        with explained(), warnings.catch_warnings():
            # Raised as a warning after the commit, when old metadata cannot be deleted.
            warnings.filterwarnings("ignore", message="Failed to delete old metadata after commit")
            try:
                table._do_commit(updates=transaction._updates, requirements=requirements)
            except CommitFailedException:
                attempt.is_doubtful = False
                raise
        attempt.is_doubtful = False

    def _finish(
        self, table: IcebergTable, written: list[Uploaded], there: Mapping[TablePartition, Held]
    ) -> list[WrittenPartition]:
        """Delete the files that no snapshot names, and describe the partitions that were switched."""
        head = table.current_snapshot()
        base = None if head is None else head.snapshot_id
        # A request that is still on its way can only arrive while the table has the snapshot it was built on.
        on_its_way = any(attempt.is_doubtful and attempt.base == base for attempt in self._attempts)
        keys = {each.key for each in written}
        named = {file.file_path for each in there.values() for file in each.files}
        if not on_its_way:
            paths = [path for each in self.uploaded if each.key not in keys for path in each.paths]
            delete_files(table, [path for path in paths if path not in named])
        version = next((each.snapshot_id for each in self._attempts if each.partitions is written), "")
        return [
            WrittenPartition(
                each.key,
                each.rows,
                len(each.paths),
                each.bytes,
                url=table.metadata_location,
                root=table.location(),
                version=str(version),
                is_replacement=any(file.file_path not in each.paths for file in there[each.key].files),
            )
            for each in written
        ]


def snapshot_of(table: IcebergTable) -> str:
    """Return the id of a table's current snapshot; empty if it has none."""
    head = table.current_snapshot()
    return "" if head is None else str(head.snapshot_id)


def delete_files(table: IcebergTable, paths: Sequence[str]) -> None:
    """Delete files that no snapshot names; what cannot be deleted is left to the table's maintenance."""
    for path in paths:
        try:
            table.io.delete(path)
        except OSError as error:
            log.warning("The unused file %s cannot be deleted (%s).", path, type(error).__name__)


def _discard_metadata(attempt: _Attempt) -> None:
    """Delete the manifests of an attempt that the catalog has refused."""
    for producer in attempt.transaction._snapshot_producers:
        producer._clean_all_uncommitted()
