"""From raw records to rows: which tables a stream fills, and the reader of its records."""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from airflow_provider_convexport import get_provider_info as provider
from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.tables.rows import InlineRows, Rows
from airflow_provider_convexport.tables.schema import COMMON, TABLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from airflow_provider_convexport.tables.sources import Mappings, RecordMapping


@cache
def mappings_of(vendor: str) -> Mappings:
    """Return a vendor's mappings.

    :param vendor: The vendor's machine name.
    :raises ConfigurationError: if there is no such vendor, or none of its records become rows.
    """
    modules = {entry["module"]: provider.module_of(entry, "tables") for entry in provider.VENDORS}
    if vendor not in modules:
        raise ConfigurationError(f"vendor={vendor!r} does not exist; use one of {sorted(modules)}.")
    try:
        found: Mappings = import_module(modules[vendor]).TABLES
    except ModuleNotFoundError as error:
        if error.name != modules[vendor]:
            raise
        raise ConfigurationError(
            f"vendor={vendor!r} has no tables: there is no {modules[vendor]}."
        ) from error
    return found


def tables_of(vendor: str, stream: str) -> tuple[str, ...]:
    """Return the names of the tables that the records of a stream fill.

    :param vendor: The vendor's machine name.
    :param stream: The stream's name: ``"conversations"`` or ``"messages"``.
    :raises ConfigurationError: if there is no such vendor or stream; the message lists the existing ones.
    """
    return tuple(_mappings_of_stream(vendor, stream))


def _mappings_of_stream(vendor: str, stream: str) -> Mapping[str, RecordMapping]:
    streams = mappings_of(vendor)
    if stream not in streams:
        raise ConfigurationError(
            f"stream={stream!r} of {vendor} fills no table; use one of {sorted(streams)}."
        )
    return streams[stream]


class RowReader:
    """Makes rows of the records of one stream, for one table; use one reader for each file.

    :param vendor: The vendor's machine name.
    :param stream: The stream's name.
    :param table: The table's name, one of `tables_of`.
    :raises ConfigurationError: if there is no such vendor, stream or table; the message lists those that
        exist.
    """

    drift: dict[str, Counter[str]]
    """For each column with values of an unexpected shape how many there were, by their JSON kind."""

    def __init__(self, vendor: str, stream: str, table: str) -> None:
        mappings = _mappings_of_stream(vendor, stream)
        if table not in mappings:
            raise ConfigurationError(
                f"table={table!r} is not filled by {stream} of {vendor}; use one of {sorted(mappings)}."
            )
        mapping = mappings[table]
        self.drift = defaultdict(Counter)
        rows = Rows(mapping, TABLES[table], self.drift)
        self._rows = InlineRows(mapping, rows, self.drift) if mapping.inline else rows
        self._is_json = [column.kind == "json" for column in TABLES[table].columns[len(COMMON) :]]

    def columns(self, lines: Sequence[bytes]) -> Iterable[Sequence[object]]:
        """Return the values of the table's columns after `COMMON`, ``raw`` last, for all rows of records.

        :param lines: The records as the vendor sent them, as many as shall be in memory at once. They never
            make the reader raise: what is not an object gives a row that has nothing but ``raw``.
        :returns: For each column what Arrow makes an array of; JSON text is UTF-8.
        """
        columns, raw = self._rows.columns(lines)
        return (*columns, raw)

    def rows(self, line: bytes) -> Iterable[tuple[object, ...]]:
        """Return the rows of one record, with the values of `columns`, JSON text as `str`."""
        columns, raw = self._rows.columns([line])
        return [
            tuple(
                value.decode() if is_json and isinstance(value, bytes) else value
                for value, is_json in zip(row, self._is_json, strict=True)
            )
            for row in zip(*columns, raw.to_pylist(), strict=True)
        ]
