"""An operator as people write it by hand: a loop of requests, all rows in memory, one file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import requests
from airflow.sdk import BaseOperator
from job import Job, measure


class PlainExportOperator(BaseOperator):
    """Read all pages, then write them as JSON lines."""

    def __init__(self, *, job: Job, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.job = job

    def execute(self, context: Any) -> int:  # noqa: ARG002 - Airflow passes it
        """Return the number of rows."""
        pages = {"agentx": self.agentx_rows, "ada": self.ada_rows}
        rows = pages[self.job.vendor]()
        with Path(self.job.out / "conversations.jsonl").open("w", encoding="utf-8") as file:
            for row in rows:
                file.write(json.dumps(row) + "\n")
        return len(rows)

    def agentx_rows(self) -> list[Any]:
        """Follow the cursor."""
        rows, params = [], dict(self.job.params)
        with requests.Session() as session:
            session.headers["x-api-key"] = self.job.key
            while True:
                response = session.get(self.job.url + self.job.endpoint, params=params, timeout=60)
                response.raise_for_status()
                page = response.json()
                rows.extend(page["data"])
                if not page["cursor"]:
                    return rows
                params["cursor"] = page["cursor"]

    def ada_rows(self) -> list[Any]:
        """Follow the links."""
        rows, url, params = [], self.job.url + self.job.endpoint, self.job.params
        with requests.Session() as session:
            session.headers["Authorization"] = f"Bearer {self.job.key}"
            while True:
                response = session.get(url, params=params, timeout=60)
                response.raise_for_status()
                page = response.json()
                rows.extend(page["data"])
                url, params = page["meta"]["next_page_uri"], {}
                if not url:
                    return rows


def export(job: Job) -> None:
    """Execute the operator."""
    PlainExportOperator(task_id="export", job=job).execute({})


if __name__ == "__main__":
    measure(export, packages=("apache-airflow", "requests"))
