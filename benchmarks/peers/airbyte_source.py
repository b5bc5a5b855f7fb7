"""The Airbyte CDK: a declarative source, whose messages go to one file instead of to a destination.

A platform of Airbyte would read the same messages from the source's standard output.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from airbyte_cdk.entrypoint import AirbyteEntrypoint
from airbyte_cdk.models import ConfiguredAirbyteCatalogSerializer
from airbyte_cdk.sources.declarative.concurrent_declarative_source import ConcurrentDeclarativeSource
from job import Job, measure

AUTH = {
    "agentx": {
        "type": "ApiKeyAuthenticator",
        "api_token": "{{ config['key'] }}",
        "inject_into": {"type": "RequestOption", "inject_into": "header", "field_name": "x-api-key"},
    },
    "ada": {"type": "BearerAuthenticator", "api_token": "{{ config['key'] }}"},
}
PAGINATORS = {
    "agentx": {
        "type": "DefaultPaginator",
        "page_token_option": {
            "type": "RequestOption",
            "inject_into": "request_parameter",
            "field_name": "cursor",
        },
        "pagination_strategy": {
            "type": "CursorPagination",
            "cursor_value": "{{ response['cursor'] }}",
            "stop_condition": "{{ not response['cursor'] }}",
        },
    },
    "ada": {
        "type": "DefaultPaginator",
        "page_token_option": {"type": "RequestPath"},
        "pagination_strategy": {
            "type": "CursorPagination",
            "cursor_value": "{{ response['meta']['next_page_uri'] }}",
            "stop_condition": "{{ not response['meta']['next_page_uri'] }}",
        },
    },
}
SCHEMA = {"type": "object", "additionalProperties": True, "properties": {"_id": {"type": "string"}}}


def manifest(job: Job) -> dict[str, Any]:
    """Describe the source as the YAML of a low-code connector does."""
    stream = {
        "type": "DeclarativeStream",
        "name": "conversations",
        "primary_key": ["_id"],
        "schema_loader": {"type": "InlineSchemaLoader", "schema": SCHEMA},
        "retriever": {
            "type": "SimpleRetriever",
            "requester": {
                "type": "HttpRequester",
                "url_base": job.url,
                # Parameters given apart would be added to the links of Ada's pages, which have them already.
                "path": f"{job.endpoint}?{urlencode(job.params)}",
                "http_method": "GET",
                "authenticator": AUTH[job.vendor],
            },
            "record_selector": {
                "type": "RecordSelector",
                "extractor": {"type": "DpathExtractor", "field_path": ["data"]},
            },
            "paginator": PAGINATORS[job.vendor],
        },
    }
    return {
        "version": "7.0.0",
        "type": "DeclarativeSource",
        "check": {"type": "CheckStream", "stream_names": ["conversations"]},
        "streams": [stream],
        "spec": {"type": "Spec", "connection_specification": {"type": "object", "properties": {}}},
    }


def export(job: Job) -> None:
    """Run the command ``read``."""
    config = {"key": job.key}
    catalog = {
        "streams": [
            {
                "stream": {
                    "name": "conversations",
                    "json_schema": SCHEMA,
                    "supported_sync_modes": ["full_refresh"],
                },
                "sync_mode": "full_refresh",
                "destination_sync_mode": "append",
            }
        ]
    }
    files = {"config": config, "catalog": catalog}
    for name, content in files.items():
        (job.folder / f"{name}.json").write_text(json.dumps(content))
    source = ConcurrentDeclarativeSource(
        catalog=ConfiguredAirbyteCatalogSerializer.load(catalog),
        config=config,
        state=None,
        source_config=manifest(job),
    )
    arguments = [part for name in files for part in (f"--{name}", str(job.folder / f"{name}.json"))]
    entrypoint = AirbyteEntrypoint(source)
    with (job.out / "messages.jsonl").open("w", encoding="utf-8") as file:
        for message in entrypoint.run(entrypoint.parse_args(["read", *arguments])):
            file.write(f"{message}\n")


if __name__ == "__main__":
    measure(export, packages=("airbyte-cdk", "requests"))
