"""Creates an Iceberg table with the schema of `tables.schema`, or checks one that exists and adds columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.tables.iceberg_version import PARTITION_COLUMNS
from airflow_provider_convexport.tables.schema import COMMON, SCHEMA_VERSION

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog
    from pyiceberg.partitioning import PartitionSpec
    from pyiceberg.schema import Schema
    from pyiceberg.table import Table as IcebergTable
    from pyiceberg.table import Transaction
    from pyiceberg.types import IcebergType

    from airflow_provider_convexport.tables.schema import Column, Kind, Table

_TYPES: Final[dict[Kind, str]] = {
    "string": "string",
    "timestamp": "timestamptz",
    "date": "date",
    "boolean": "boolean",
    "integer": "long",
    "number": "double",
    "strings": "list<string>",
    "json": "string",
}
_VERSION = "convexport.schema-version"
_NAME_MAPPING = "schema.name-mapping.default"
_METRICS = "write.metadata.metrics."
_IDS = ("conversation_id", "message_id")


def metrics(table: Table) -> dict[str, str]:
    """Return the properties that say for which columns the least and the greatest value are kept.

    Partition columns have them in full, because a file's partition is read from them. Text that people wrote
    has none, so that no metadata file holds any of it.
    """
    full = {column.name for column in COMMON}
    full |= {column.name for column in table.columns if column.kind not in ("string", "strings", "json")}
    modes = dict.fromkeys(sorted(full), "full") | dict.fromkeys(_IDS, "truncate(64)")
    names = {column.name for column in table.columns}
    return {f"{_METRICS}default": "counts"} | {
        f"{_METRICS}column.{name}": mode for name, mode in modes.items() if name in names
    }


def create(catalog: Catalog, identifier: tuple[str, ...], table: Table) -> IcebergTable:
    """Create a table, and its namespace if there is none; if somebody else was faster, return theirs."""
    from pyiceberg.exceptions import NamespaceAlreadyExistsError, TableAlreadyExistsError

    schema = _schema(table)
    try:
        if not catalog.namespace_exists(identifier[:-1]):
            catalog.create_namespace(identifier[:-1])
    except NamespaceAlreadyExistsError:
        pass
    properties = {
        "commit.retry.num-retries": "20",
        "commit.manifest-merge.enabled": "true",
        "write.metadata.delete-after-commit.enabled": "true",
        _VERSION: str(SCHEMA_VERSION),
        **metrics(table),
    }
    try:
        return catalog.create_table(
            identifier, schema=schema, partition_spec=_spec(schema), properties=properties
        )
    except TableAlreadyExistsError:
        return catalog.load_table(identifier)


def check(there: IcebergTable, table: Table) -> None:
    """Check that a table can take the rows.

    :raises ConfigurationError: if it has other columns or partitions.
    """
    if problem := _wrong_partitions(there) or _wrong_columns(there, table):
        raise ConfigurationError(
            f"The Iceberg table {'.'.join(there.name())} was not made for these rows: {problem}; choose "
            "another namespace, or drop the table. Nothing was written."
        )


def add_columns(transaction: Transaction, there: IcebergTable, table: Table) -> None:
    """Add the columns that an older version of the schema lacks, and a name mapping if there is none.

    Files name their columns, but have no ids of columns; the name mapping connects them.
    """
    names = {field.name for field in there.schema().fields}
    if there.name_mapping() is None:
        mapping = there.schema().name_mapping.model_dump_json()
        transaction.set_properties({_NAME_MAPPING: mapping})
    missing = [column for column in table.columns if column.name not in names]
    if not missing:
        return
    with transaction.update_schema() as update:
        for column in missing:
            update.add_column(column.name, _type_of(column, iter(range(1, 3))), doc=column.meaning)
    transaction.set_properties({_VERSION: str(SCHEMA_VERSION)})


def _wrong_partitions(there: IcebergTable) -> str:
    from pyiceberg.transforms import IdentityTransform

    fields = there.spec().fields
    is_identity = all(isinstance(field.transform, IdentityTransform) for field in fields)
    names = [there.schema().find_column_name(field.source_id) for field in fields]
    if is_identity and sorted(map(str, names)) == sorted(PARTITION_COLUMNS):
        return ""
    shown = ", ".join(f"{field.transform}({name})" for field, name in zip(fields, names, strict=True))
    return f"it is partitioned by {shown or 'nothing'}, not by {', '.join(PARTITION_COLUMNS)}"


def _wrong_columns(there: IcebergTable, table: Table) -> str:
    types = {field.name: str(field.field_type) for field in there.schema().fields}
    for column in table.columns:
        if column.name not in types:
            if column in COMMON:
                return f"it has no column {column.name}"
        elif types[column.name] != _TYPES[column.kind]:
            return f"its column {column.name} is {types[column.name]}, not {_TYPES[column.kind]}"
    known = {column.name for column in table.columns}
    required = [field.name for field in there.schema().fields if field.required and field.name not in known]
    return f"its column {required[0]} may not be null, and these rows do not have it" if required else ""


def _schema(table: Table) -> Schema:
    from pyiceberg.schema import Schema
    from pyiceberg.types import NestedField

    ids = iter(range(1, 2 * len(table.columns) + 1))
    fields = []
    for column in table.columns:
        field_id = next(ids)
        fields.append(
            NestedField(field_id, column.name, _type_of(column, ids), required=False, doc=column.meaning)
        )
    return Schema(*fields)


def _type_of(column: Column, ids: Any) -> IcebergType:
    from pyiceberg.types import (
        BooleanType,
        DateType,
        DoubleType,
        ListType,
        LongType,
        StringType,
        TimestamptzType,
    )

    if column.kind == "strings":
        return ListType(next(ids), StringType(), element_required=False)
    types: dict[str, type[IcebergType]] = {
        "string": StringType,
        "timestamptz": TimestamptzType,
        "date": DateType,
        "boolean": BooleanType,
        "long": LongType,
        "double": DoubleType,
    }
    return types[_TYPES[column.kind]]()


def _spec(schema: Schema) -> PartitionSpec:
    from pyiceberg.partitioning import PartitionField, PartitionSpec
    from pyiceberg.transforms import IdentityTransform

    return PartitionSpec(
        *(
            PartitionField(schema.find_field(name).field_id, 1000 + number, IdentityTransform(), name)
            for number, name in enumerate(PARTITION_COLUMNS)
        )
    )
