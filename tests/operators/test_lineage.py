from __future__ import annotations

import pytest
from airflow.providers.openlineage.extractors import OperatorLineage
from airflow.providers.openlineage.extractors.manager import ExtractorManager
from openlineage.client.serde import Serde

from airflow_provider_convexport.operators.ada import AdaExportOperator
from airflow_provider_convexport.operators.lineage import assertions_of, lineage_of
from airflow_provider_convexport.operators.tables import ConversationTablesOperator
from airflow_provider_convexport.operators.trace import Check, Name, Part, Read, Trace, Written
from airflow_provider_convexport.tables.target import CatalogFacts

DAY = Part("2026-04-01", {"dt": "2026-04-01"})
NAME = Name("s3://bucket", "raw/ada")
WRITTEN = Written(NAME, (DAY,), "c0", records=5, bytes=100, files=1, is_overwrite=False)


def sent(facet):
    """Return a facet as it is sent, without what all facets have."""
    return {name: value for name, value in Serde.to_dict(facet).items() if not name.startswith("_")}


def test_without_a_trace_nothing_is_claimed():
    assert lineage_of(None) == OperatorLineage()


def test_what_was_read_and_nothing_published_is_an_input_alone():
    lineage = lineage_of(Trace((Read(NAME),)))

    ((read,), written) = (lineage.inputs, lineage.outputs)
    assert (read.namespace, read.name, read.inputFacets, written) == ("s3://bucket", "raw/ada", {}, [])


def test_what_was_written_has_counts_partitions_and_version_and_no_change_of_its_life():
    (written,) = lineage_of(Trace((), (WRITTEN,))).outputs

    assert (written.namespace, written.name, set(written.facets)) == ("s3://bucket", "raw/ada", {"version"})
    assert sent(written.facets["version"]) == {"datasetVersion": "c0"}
    assert {name: sent(facet) for name, facet in written.outputFacets.items()} == {
        "outputStatistics": {"rowCount": 5, "size": 100, "fileCount": 1},
        "subset": {
            "outputCondition": {
                "type": "partition",
                "partitions": [{"identifier": "2026-04-01", "dimensions": {"dt": "2026-04-01"}}],
            }
        },
    }


def test_a_catalog_without_an_address_is_named_by_its_warehouse():
    catalog = CatalogFacts("lake", "glue", "", "s3://bucket/warehouse", "support")
    table = Written(
        NAME, (DAY,), "7", 5, 100, 1, is_overwrite=True, table="support.messages", catalog=catalog
    )

    (written,) = lineage_of(Trace((), (table,))).outputs

    assert sent(written.facets["symlinks"])["identifiers"] == [
        {"namespace": "s3://bucket/warehouse", "name": "support.messages", "type": "TABLE"}
    ]
    assert sent(written.facets["catalog"])["warehouseUri"] == "s3://bucket/warehouse"
    assert "metadataUri" not in sent(written.facets["catalog"])
    assert sent(written.facets["lifecycleStateChange"]) == {"lifecycleStateChange": "OVERWRITE"}


def test_checks_become_assertions():
    checks = [Check("same ids", True, 10, 10), Check("edge", False, 0, 2), Check("seen", True, None, None)]

    facet = assertions_of(checks)

    assert [
        {name: value for name, value in each.items() if name not in ("params", "assertion")}
        for each in sent(facet)["assertions"]
    ] == [
        {"name": "same ids", "success": True, "severity": "warn", "expected": "10", "actual": "10"},
        {"name": "edge", "success": False, "severity": "warn", "expected": "0", "actual": "2"},
        {"name": "seen", "success": True, "severity": "warn"},
    ]
    assert [each.assertion for each in facet.assertions] == ["same ids", "edge", "seen"]


def test_checks_that_fail_the_task_are_errors():
    (assertion,) = assertions_of([Check("same ids", False, 1, 2)], severity="error").assertions

    assert assertion.severity == "error"


@pytest.mark.parametrize("kind", [AdaExportOperator, ConversationTablesOperator])
def test_airflows_provider_asks_the_operators_themselves(kind):
    arguments = {"sources": "/data/raw"} if kind is ConversationTablesOperator else {}
    task = kind(task_id="task", destination="/data/out", **arguments)

    assert ExtractorManager().get_extractor_class(task).__name__ == "DefaultExtractor"
