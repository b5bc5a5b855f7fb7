"""Writes rows to Parquet files on the local disk, with memory that does not grow with their number.

Rows are turned into columns in small batches; batches are collected to a row group, and row groups to files.
The same rows and settings give the same bytes, as long as the version of pyarrow is the same.
"""

from __future__ import annotations

import hashlib
import io
from typing import IO, TYPE_CHECKING, Any

from airflow_provider_convexport.export.dataset.temporary import nameless_file, temporary_folder_explained
from airflow_provider_convexport.tables.schema import COMMON
from airflow_provider_convexport.tables.target import LocalFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from contextlib import ExitStack
    from pathlib import Path

    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

    from airflow_provider_convexport.tables.schema import Table

ROW_GROUP_ROWS = 50_000
ROW_GROUP_BYTES = 32 * 2**20
"""Size of a row group in memory, before compression, at which it is written."""
BATCH_ROWS = 1_000
BATCH_BYTES = 2 * 2**20
"""Rows as Python objects take several times the memory of columns, so there are few of them."""
_REPEATED = frozenset(("vendor", "scope", "partition_date", "window_on", "channel", "direction", "language"))
_REPEATED |= {"status", "resolution", "is_test", "role", "kind", "visibility", "conversation_id", "tags"}
_REPEATED |= {"topics", "agent_ids", "agent_names", "author_id", "exported_at", "options"}
"""Columns whose values repeat within a row group; for all others a dictionary is only work."""


class ParquetFiles:
    """The files of one partition of a table, while they are written.

    :param table: The table.
    :param common: Values of the columns in `COMMON`, the same in all rows.
    :param include_raw: Whether the column ``raw`` is written.
    :param target_file_bytes: A file is closed once it has this size.
    :param open_until: Closes, and thereby deletes, the files.
    :raises ConfigurationError: if pyarrow is not installed.
    """

    def __init__(
        self,
        table: Table,
        common: Sequence[object],
        *,
        include_raw: bool,
        target_file_bytes: int,
        open_until: ExitStack,
    ) -> None:
        self.rows = 0
        self._schema = table.arrow(include_raw=include_raw)
        self._common = common
        self._target = target_file_bytes
        self._open_until = open_until
        plain = {column.name for column in table.columns if column.kind != "json"}
        self._with_statistics = [name for name in _leaves(self._schema) if name.split(".")[0] in plain]
        self._with_dictionary = [
            name for name in _leaves(self._schema) if name.split(".")[0] in _REPEATED & plain
        ]
        self._files: list[LocalFile] = []
        self._file: _File | None = None
        self._batch: list[tuple[object, ...]] = []
        self._batch_bytes = 0
        self._group: list[pa.RecordBatch] = []
        self._group_rows = self._group_bytes = 0

    def add(self, rows: Iterable[tuple[object, ...]], *, size: int) -> None:
        """Add the rows of one record.

        :param rows: Values of the columns after `COMMON`, ``raw`` included.
        :param size: Size of the record in bytes.
        """
        self._batch.extend(rows)
        self._batch_bytes += size
        if len(self._batch) >= BATCH_ROWS or self._batch_bytes >= BATCH_BYTES:
            self._end_batch()

    def finish(self) -> list[LocalFile]:
        """Write what is left, and return the files in order; there is none if there are no rows.

        :raises WorkerDiskError: if the worker's temporary folder is full.
        """
        self._end_batch()
        self._end_group()
        self._end_file()
        return self._files

    def _end_batch(self) -> None:
        if not self._batch:
            return
        batch = self._columns()
        self._batch, self._batch_bytes = [], 0
        self._group.append(batch)
        self._group_rows += batch.num_rows
        self._group_bytes += batch.nbytes
        if self._group_rows >= ROW_GROUP_ROWS or self._group_bytes >= ROW_GROUP_BYTES:
            self._end_group()

    def _columns(self) -> pa.RecordBatch:
        import pyarrow as pa

        count, first = len(self._batch), len(COMMON)
        columns = [
            pa.repeat(pa.scalar(value, type=field.type), count)
            for value, field in zip(self._common, self._schema, strict=False)
        ]
        # The last value, raw, has no field if it is left out.
        for values, field in zip(zip(*self._batch, strict=True), list(self._schema)[first:], strict=False):
            columns.append(pa.array(values, type=field.type))
        return pa.RecordBatch.from_arrays(columns, schema=self._schema)

    def _end_group(self) -> None:
        if not self._group:
            return
        import pyarrow as pa

        if self._file is None:
            self._file = self._begin_file()
        self._file.write(pa.Table.from_batches(self._group, self._schema))
        self._group, self._group_rows, self._group_bytes = [], 0, 0
        if self._file.bytes >= self._target:
            self._end_file()

    def _begin_file(self) -> _File:
        from pyarrow.parquet import ParquetWriter

        path = self._open_until.enter_context(nameless_file())
        file = _File(path)
        self._open_until.callback(file.hashed.close)
        with temporary_folder_explained():
            file.writer = ParquetWriter(
                file.hashed,
                self._schema,
                compression="zstd",
                write_statistics=self._with_statistics,
                use_dictionary=self._with_dictionary,
                metadata_collector=file.metadata,
            )
        return file

    def _end_file(self) -> None:
        if self._file is None:
            return
        file = self._file.finish()
        self.rows += file.rows
        self._files.append(file)
        self._file = None


class _File:
    """One Parquet file while it is written."""

    writer: ParquetWriter

    def __init__(self, path: Path) -> None:
        self.path = path
        with temporary_folder_explained():
            self.hashed = _HashedFile(path.open("wb"))
        self.metadata: list[Any] = []
        self.rows = 0

    @property
    def bytes(self) -> int:
        return self.hashed.bytes

    def write(self, table: pa.Table) -> None:
        """Write one row group."""
        with temporary_folder_explained():
            self.writer.write_table(table, row_group_size=table.num_rows)
        self.rows += table.num_rows

    def finish(self) -> LocalFile:
        with temporary_folder_explained():
            self.writer.close()
            self.hashed.close()
        (footer,) = self.metadata
        groups = (footer.row_group(number) for number in range(footer.num_row_groups))
        return LocalFile(
            path=self.path,
            rows=self.rows,
            bytes=self.hashed.bytes,
            uncompressed_bytes=sum(group.total_byte_size for group in groups),
            sha256=self.hashed.digest.hexdigest(),
        )


class _HashedFile(io.RawIOBase):
    """A file that knows its size and checksum while it is written, from its beginning to its end."""

    def __init__(self, file: IO[bytes]) -> None:
        self._inner = file
        self.bytes = 0
        self.digest = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        self.digest.update(data)
        written = self._inner.write(data)
        self.bytes += written
        return written

    def tell(self) -> int:
        return self.bytes

    def close(self) -> None:
        self._inner.close()
        super().close()


def _leaves(schema: pa.Schema) -> list[str]:
    """Return the paths of all columns as Parquet names them."""
    import pyarrow as pa

    return [f"{field.name}.list.element" if pa.types.is_list(field.type) else field.name for field in schema]
