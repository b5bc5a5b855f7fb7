"""OpenLineage's published schemas, where a folder of them is at hand.

They are in no package. `OPENLINEAGE_SPEC` names the folder ``spec`` of a checkout of their repository.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

VARIABLE = "OPENLINEAGE_SPEC"


class PublishedSchemas:
    """The schema of events, and those of facets by their URL.

    :param folder: The folder ``spec``.
    """

    def __init__(self, folder: Path) -> None:
        schemas = [
            json.loads(path.read_text())
            for path in (folder / "OpenLineage.json", *folder.glob("facets/*.json"))
        ]
        self.event = schemas[0]["$id"]
        self.known = {each["$id"] for each in schemas}
        self.registry = Registry().with_resources(
            (each["$id"], Resource.from_contents(each)) for each in schemas
        )

    def problems(self, event: dict[str, Any]) -> list[str]:
        """Return what is wrong with an event, and with its facets whose version of the schema is there."""
        found = [error.message for error in self._validator(self.event).iter_errors(event)]
        for facet in facets_of(event):
            url = facet["_schemaURL"]
            if url.partition("#")[0] in self.known:
                found += [f"{url}: {error.message}" for error in self._validator(url).iter_errors(facet)]
        return found

    def _validator(self, url: str) -> Draft202012Validator:
        return Draft202012Validator({"$ref": url}, registry=self.registry)


def facets_of(event: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield all facets of an event."""
    yield from event["run"].get("facets", {}).values()
    yield from event["job"].get("facets", {}).values()
    for dataset in (*event["inputs"], *event["outputs"]):
        for kind in ("facets", "inputFacets", "outputFacets"):
            yield from dataset.get(kind, {}).values()
