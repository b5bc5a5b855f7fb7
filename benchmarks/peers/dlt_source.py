"""dlt: its REST API source into its filesystem destination, with JSON lines or Parquet files.

Everything else has dlt's defaults, but nested values stay in their records instead of becoming tables of
their own (``max_table_nesting``), because the other tools keep them there, too.
"""

from __future__ import annotations

import os

os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"  # dlt reads it when it is imported

import dlt
from dlt.destinations import filesystem
from dlt.sources.rest_api import rest_api_source
from job import Job, measure

AUTH = {
    "agentx": lambda key: {"type": "api_key", "name": "x-api-key", "api_key": key, "location": "header"},
    "ada": lambda key: {"type": "bearer", "token": key},
}
PAGINATORS = {
    "agentx": {"type": "cursor", "cursor_path": "cursor", "cursor_param": "cursor"},
    "ada": {"type": "json_link", "next_url_path": "meta.next_page_uri"},
}


def export(job: Job) -> None:
    """Extract, normalize and load."""
    endpoint = {
        "path": job.endpoint,
        "params": job.params,
        "data_selector": "data",
        "paginator": PAGINATORS[job.vendor],
    }
    resource = {
        "name": "conversations",
        "primary_key": "_id",
        "write_disposition": "append",
        "max_table_nesting": 0,
        "endpoint": endpoint,
    }
    source = rest_api_source(
        {"client": {"base_url": job.url, "auth": AUTH[job.vendor](job.key)}, "resources": [resource]}
    )
    pipeline = dlt.pipeline(
        f"peer_{job.vendor}",
        pipelines_dir=str(job.folder / "pipelines"),
        destination=filesystem(bucket_url=job.out.as_uri()),
        dataset_name="export",
    )
    pipeline.run(source, loader_file_format=job.format).raise_on_failed_jobs()


if __name__ == "__main__":
    measure(export, packages=("dlt", "requests"))
