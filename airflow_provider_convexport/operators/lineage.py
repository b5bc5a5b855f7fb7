"""What OpenLineage is told of a task: its datasets, with partitions, counts, versions and columns.

Airflow's OpenLineage provider calls the operators when a try has ended; without it, nothing here is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow.providers.openlineage.extractors import OperatorLineage
    from openlineage.client.event_v2 import InputDataset, OutputDataset
    from openlineage.client.generated.base_subset_dataset import PartitionSubsetCondition
    from openlineage.client.generated.data_quality_assertions_dataset import (
        DataQualityAssertionsDatasetFacet,
    )

    from airflow_provider_convexport.operators.trace import Check, Part, Read, Trace, Written
    from airflow_provider_convexport.tables.target import CatalogFacts

ASSERTIONS = "dataQualityAssertions"
"""Name of the facet of `assertions_of` among the ``inputFacets`` of the dataset that was checked."""


def lineage_of(trace: Trace | None) -> OperatorLineage[Any, Any]:
    """Return the lineage of a try: what it read, and what it has published.

    :param trace: What is known of the try; ``None`` if it ended before its arguments were checked.
    """
    from airflow.providers.openlineage.extractors import OperatorLineage

    if trace is None:
        return OperatorLineage()
    return OperatorLineage(
        inputs=[_input(each) for each in trace.reads], outputs=[_output(each) for each in trace.writes]
    )


def assertions_of(checks: Iterable[Check], *, severity: str = "warn") -> DataQualityAssertionsDatasetFacet:
    """Return checks of a dataset as the facet `ASSERTIONS`.

    :param checks: The checks.
    :param severity: ``"error"`` if a check that does not hold fails the task, else ``"warn"``.
    """
    from openlineage.client.generated.data_quality_assertions_dataset import (
        Assertion,
        DataQualityAssertionsDatasetFacet,
    )

    return DataQualityAssertionsDatasetFacet(
        assertions=[
            Assertion(
                assertion=name,
                name=name,
                success=holds,
                severity=severity,
                expected=_text(expected),
                actual=_text(actual),
            )
            for name, holds, expected, actual in checks
        ]
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _input(read: Read) -> InputDataset:
    from openlineage.client.event_v2 import InputDataset
    from openlineage.client.generated.base_subset_dataset import InputSubsetInputDatasetFacet

    facets: dict[str, Any] = {}
    if read.parts:
        facets["subset"] = InputSubsetInputDatasetFacet(inputCondition=_subset(read.parts))
    if read.checks:
        facets[ASSERTIONS] = assertions_of(read.checks, severity="error" if read.fails else "warn")
    return InputDataset(namespace=read.name.namespace, name=read.name.name, inputFacets=facets)


def _output(written: Written) -> OutputDataset:
    from openlineage.client.event_v2 import OutputDataset
    from openlineage.client.generated.base_subset_dataset import OutputSubsetOutputDatasetFacet
    from openlineage.client.generated.output_statistics_output_dataset import (
        OutputStatisticsOutputDatasetFacet,
    )

    return OutputDataset(
        namespace=written.name.namespace,
        name=written.name.name,
        facets=dict(_dataset_facets(written)),
        outputFacets={
            "outputStatistics": OutputStatisticsOutputDatasetFacet(
                rowCount=written.records, size=written.bytes, fileCount=written.files
            ),
            "subset": OutputSubsetOutputDatasetFacet(outputCondition=_subset(written.parts)),
        },
    )


def _subset(parts: Iterable[Part]) -> PartitionSubsetCondition:
    from openlineage.client.generated.base_subset_dataset import Partition, PartitionSubsetCondition

    return PartitionSubsetCondition(
        partitions=[Partition(dimensions=dict(each.values), identifier=each.key) for each in parts]
    )


def _dataset_facets(written: Written) -> Mapping[str, Any]:
    from openlineage.client.generated.dataset_version_dataset import DatasetVersionDatasetFacet
    from openlineage.client.generated.lifecycle_state_change_dataset import (
        LifecycleStateChange,
        LifecycleStateChangeDatasetFacet,
    )
    from openlineage.client.generated.schema_dataset import SchemaDatasetFacet, SchemaDatasetFacetFields

    facets: dict[str, Any] = {"version": DatasetVersionDatasetFacet(datasetVersion=written.version)}
    if written.is_overwrite:
        facets["lifecycleStateChange"] = LifecycleStateChangeDatasetFacet(
            lifecycleStateChange=LifecycleStateChange.OVERWRITE
        )
    if written.columns:
        facets["schema"] = SchemaDatasetFacet(
            fields=[
                SchemaDatasetFacetFields(name=name, type=kind, description=meaning)
                for name, kind, meaning in written.columns
            ]
        )
    if written.catalog is not None:
        facets |= _catalog_facets(written.catalog, written.table)
    return facets


def _catalog_facets(catalog: CatalogFacts, table: str) -> dict[str, Any]:
    """Return the facets of a table in an Iceberg catalog, under whose name others know it, too."""
    from openlineage.client.generated.catalog_dataset import CatalogDatasetFacet
    from openlineage.client.generated.symlinks_dataset import Identifier, SymlinksDatasetFacet

    place = catalog.uri or catalog.warehouse or catalog.name
    return {
        "catalog": CatalogDatasetFacet(
            framework="iceberg",
            type=catalog.kind,
            name=catalog.name,
            metadataUri=catalog.uri or None,
            warehouseUri=catalog.warehouse or None,
            source="airflow",
        ),
        "symlinks": SymlinksDatasetFacet(identifiers=[Identifier(namespace=place, name=table, type="TABLE")]),
    }
