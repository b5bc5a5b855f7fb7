"""The command ``airflow convexport files``: what an engine loads of what is published."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_convexport.cli.console import console_command
from airflow_provider_convexport.cli.engines import text_for
from airflow_provider_convexport.cli.options import scope_of
from airflow_provider_convexport.cli.progress import progress_bar
from airflow_provider_convexport.destination import store_at
from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.export.dataset.reader import partitions_in

if TYPE_CHECKING:
    import argparse


@console_command
def files(options: argparse.Namespace) -> str:
    """Return what an engine loads of the published partitions; nothing is read but manifests.

    :raises ConfigurationError: if nothing is published there, or an option cannot be used.
    """
    scope = scope_of(options.scope, conn_id=None)
    store = store_at(options.destination, conn_id=options.destination_conn_id)
    with progress_bar() as progress:
        progress.begin("Listing what is published")
        partitions = list(
            partitions_in(
                store,
                options.start,
                options.end,
                scope,
                begin=lambda total: progress.begin("Reading manifests", total=total),
                advance=progress.advance,
            )
        )
    if not partitions:
        asked = any(each is not None for each in (options.start, options.end, scope))
        raise ConfigurationError(
            f"Nothing is published under {store.url}{' that was asked for' if asked else ''}."
        )
    return text_for(options.format, partitions)
