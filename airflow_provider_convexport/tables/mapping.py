"""From raw records to rows: which tables a stream fills, and the reader of its records."""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from airflow_provider_convexport import get_provider_info as provider
from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.tables.rows import InlineRows, Row, Rows
from airflow_provider_convexport.tables.schema import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

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
        self._row = Rows(mapping, TABLES[table], self.drift)
        self._inline = InlineRows(mapping, self._row, self.drift) if mapping.inline else None

    def rows(self, line: bytes) -> Iterable[Row]:
        """Return the rows of a record: the values of the table's columns after `COMMON`, ``raw`` last.

        :param line: The record as the vendor sent it. It never makes the reader raise: what is not an object
            gives a row that has nothing but ``raw``.
        """
        return (self._row(line),) if self._inline is None else self._inline(line)
