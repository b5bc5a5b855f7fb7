"""What engines load of published partitions: statements and lists of URLs, by name of a format.

Records are read as text, one line each, where an engine would otherwise guess types; DuckDB's own JSON reader
also refuses lone surrogates, which vendors send.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from glob import escape
from itertools import groupby
from typing import TYPE_CHECKING, Any

from airflow_provider_convexport.cli.words import bounds, counted, named_values
from airflow_provider_convexport.errors import ConfigurationError, printable
from airflow_provider_convexport.export.dataset.folders import root_of
from airflow_provider_convexport.export.dataset.reader import PARQUET

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from airflow_provider_convexport.export.dataset.manifest import FileEntry
    from airflow_provider_convexport.export.dataset.reader import PublishedPartition

_SNOWFLAKE_FILES = 1_000
"""Files that one COPY INTO of Snowflake can name."""
_LOCAL = "file://"
_DUCKDB_TABLE = ("SELECT * FROM read_parquet", "union_by_name = true, hive_partitioning = false")
_DUCKDB_RECORDS = (
    "SELECT record FROM read_csv",
    "columns = {'record': 'VARCHAR'}, auto_detect = false, header = false, delim = chr(1), quote = '',\n"
    f"  escape = '', new_line = '\\n', max_line_size = {2**25}, buffer_size = {2**26}, "
    "hive_partitioning = false",
)
"""One column without any conversion: the byte 1 is in no JSON text. Longer lines would make it slower."""
_SPARK_GLOB = re.compile(r"([\\*?\[\]{}])")


@dataclass(frozen=True, slots=True)
class _Dataset:
    """Partitions of one dataset, whichever shop or bot they are of."""

    url: str
    partitions: tuple[PublishedPartition, ...]

    @property
    def urls(self) -> list[str]:
        return [url for partition in self.partitions for url in partition.urls]

    @property
    def is_table(self) -> bool:
        return any(url.endswith(PARQUET) for url in self.urls)

    @property
    def title(self) -> str:
        """What it holds, in one line without control characters."""
        first = self.partitions[0].manifest
        records = sum(each.manifest.records for each in self.partitions)
        return (
            f"{_shown(self.url)}: {first.vendor} {first.stream} by {first.window_on}"
            f"{named_values(first.filters)}; {counted(len(self.partitions), 'partition')} with "
            f"{counted(records, 'table row' if self.is_table else 'record')}"
        )


def text_for(engine: str, partitions: Sequence[PublishedPartition]) -> str:
    """Return what an engine loads; empty for a list of URLs without any.

    :param engine: One of `FORMATS`.
    :param partitions: The partitions, at least one, in the order of their records.
    :raises ConfigurationError: if the engine cannot read from the destination's kind of store.
    """
    return FORMATS[engine](partitions)


def _urls(partitions: Iterable[PublishedPartition]) -> str:
    return "\n".join(url for partition in partitions for url in partition.urls)


def _uris(partitions: Iterable[PublishedPartition]) -> str:
    return _array([_common(url) for partition in partitions for url in partition.urls])


def _json(partitions: Iterable[PublishedPartition]) -> str:
    return json.dumps([_values(partition) for partition in partitions], indent=2)


def _values(partition: PublishedPartition) -> dict[str, Any]:
    manifest = partition.manifest
    start, end = bounds(manifest.partition.window)
    return {
        "url": partition.url,
        "start": start,
        "end": end,
        "vendor": manifest.vendor,
        "stream": manifest.stream,
        "scope": manifest.scope,
        "filters": manifest.filters,
        "window_on": manifest.window_on,
        "commit": manifest.commit,
        "committed_at": manifest.committed_at,
        "records": manifest.records,
        "files": [
            {"url": url, "records": file.records, "bytes": file.bytes, "sha256": file.sha256}
            for url, file in _files(partition)
        ],
    }


def _redshift(partitions: Iterable[PublishedPartition]) -> str:
    entries = [
        {"url": _common(url), "mandatory": True, "meta": {"content_length": file.bytes}}
        for partition in partitions
        for url, file in _files(partition)
    ]
    for entry in entries:
        if not str(entry["url"]).startswith("s3://"):
            raise ConfigurationError(
                f"Redshift loads files from S3 only, and {entry['url']} is not there; copy the files to S3, "
                "or use --format uris for another engine."
            )
    return json.dumps({"entries": entries}, indent=2, ensure_ascii=False)


def _duckdb(partitions: Sequence[PublishedPartition]) -> str:
    return "\n\n".join(f"-- {dataset.title}.\n{_duckdb_select(dataset)}" for dataset in _datasets(partitions))


def _duckdb_select(dataset: _Dataset) -> str:
    if not dataset.urls:
        return "-- There is no file to read."
    paths = ",\n  ".join(_sql_text(_duckdb_path(url)) for url in dataset.urls)
    select, options = _DUCKDB_TABLE if dataset.is_table else _DUCKDB_RECORDS
    return f"{select}([\n  {paths}\n], {options});"


def _duckdb_path(url: str) -> str:
    """Return a URL that DuckDB takes, of exactly one file: it would expand wildcards."""
    path = _common(url).removeprefix(_LOCAL)
    return escape(re.sub(r"^abfss?://", "azure://", path))


def _spark(partitions: Sequence[PublishedPartition]) -> str:
    return "\n\n".join(f"# {dataset.title}.\n{_spark_read(dataset)}" for dataset in _datasets(partitions))


def _spark_read(dataset: _Dataset) -> str:
    if not dataset.urls:
        return "# There is no file to read."
    files = _array([_spark_path(url) for url in dataset.urls])
    if dataset.is_table:
        return f'spark.read.option("mergeSchema", "true").parquet(*{files})'
    return f'spark.read.option("lineSep", "\\n").text({files})'


def _spark_path(url: str) -> str:
    return _SPARK_GLOB.sub(r"\\\1", re.sub("^s3://", "s3a://", _common(url)))


def _snowflake(partitions: Sequence[PublishedPartition]) -> str:
    return "\n\n".join("\n".join(_snowflake_lines(dataset)) for dataset in _datasets(partitions))


def _snowflake_lines(dataset: _Dataset) -> Iterator[str]:
    yield f"-- {dataset.title}."
    url, urls = f"{dataset.url}/", [_common(each) for each in dataset.urls]
    if not url.startswith(("s3://", "gs://", "abfs://", "abfss://")):
        raise ConfigurationError(
            f"Snowflake loads files from S3, Google Cloud Storage and Azure, and {url} is not there; copy "
            "the files, or use another --format."
        )
    if not urls:
        yield "-- There is no file to load."
        return
    place = re.sub("^gs://", "gcs://", re.sub(r"^abfss?://", "azure://<account>.blob.core.windows.net/", url))
    table, columns, options = (
        ("table_rows", "the table's columns", "(TYPE = PARQUET) MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE")
        if dataset.is_table
        else ("raw_records", "one column of type VARIANT", "(TYPE = JSON ALLOW_DUPLICATE = TRUE)")
    )
    yield (
        f"-- Needs a stage convexport with URL = {_snowflake_text(_shown(place))}, and a table {table} with "
        f"{columns}."
    )
    for first in range(0, len(urls), _SNOWFLAKE_FILES):
        chunk = (_snowflake_text(each.removeprefix(url)) for each in urls[first : first + _SNOWFLAKE_FILES])
        names = ",\n  ".join(chunk)
        yield f"COPY INTO {table} FROM @convexport FILES = (\n  {names}\n) FILE_FORMAT = {options};"


def _snowflake_text(text: str) -> str:
    return _sql_text(text.replace("\\", "\\\\"))


def _sql_text(text: str) -> str:
    """Return a literal of standard SQL."""
    return "'" + text.replace("'", "''") + "'"


def _array(texts: Sequence[str]) -> str:
    """Return a JSON array, which is a literal of BigQuery and Python, too."""
    return json.dumps(texts, indent=2, ensure_ascii=False)


def _common(url: str) -> str:
    """Return a URL with the scheme that most engines use."""
    return re.sub("^gcs://", "gs://", re.sub("^s3a://", "s3://", url))


def _shown(url: str) -> str:
    return printable(url, limit=1_000)


def _files(partition: PublishedPartition) -> Iterator[tuple[str, FileEntry]]:
    return zip(partition.urls, partition.manifest.files, strict=True)


def _datasets(partitions: Sequence[PublishedPartition]) -> list[_Dataset]:
    """Return the datasets in the order of their URLs, each with its partitions in their order."""
    ordered = sorted(partitions, key=_dataset_url)
    return [_Dataset(url, tuple(group)) for url, group in groupby(ordered, key=_dataset_url)]


def _dataset_url(partition: PublishedPartition) -> str:
    """Return the URL of a partition's dataset, without a final slash."""
    root = root_of(partition.folder, partition.manifest.scope)
    return _common(partition.url.removesuffix(partition.folder) + root).rstrip("/")


FORMATS: Mapping[str, Callable[[Sequence[PublishedPartition]], str]] = {
    "urls": _urls,
    "duckdb": _duckdb,
    "redshift": _redshift,
    "uris": _uris,
    "snowflake": _snowflake,
    "spark": _spark,
    "json": _json,
}
"""What returns the text, by name of the format."""
