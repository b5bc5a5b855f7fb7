"""The command ``airflow convexport views``: SQL that shows the current state of the tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_convexport.cli.console import console_command
from airflow_provider_convexport.hooks.vendors import hook_of, vendors
from airflow_provider_convexport.tables.current_state import current_state
from airflow_provider_convexport.tables.mapping import mappings_of

if TYPE_CHECKING:
    import argparse


@console_command
def views(options: argparse.Namespace) -> str:
    """Return the statements that create the views; nothing is read.

    :raises ConfigurationError: if there is no such engine.
    """
    return views_for(options.engine, schema=options.schema, include_raw=not options.without_raw)


def views_for(engine: str, *, schema: str = "", include_raw: bool = True) -> str:
    """Return the statements for an engine and all vendors that there are; see `current_state`.

    :param engine: One of `airflow_provider_convexport.tables.current_state.ENGINES`.
    :param schema: Schema of the tables and views.
    :param include_raw: Whether the tables have the column ``raw``.
    :raises ConfigurationError: if there is no such engine.
    """
    text = current_state(
        engine,
        changes=windows_of_changes(),
        inline=vendors_with_inline_messages(),
        schema=schema,
        include_raw=include_raw,
    )
    return text.rstrip("\n")


def windows_of_changes() -> set[str]:
    """Return the values of ``window_on`` that select records by a time that moves.

    The first time of a stream is that of creation. Where a vendor does not say which time its window selects
    by, there is only one kind of export, which holds each record once.
    """
    return {
        window_on
        for vendor in vendors()
        for stream in hook_of(vendor).streams.values()
        if not stream.window_undecided
        for window_on in list(stream.time_fields)[1:]
    }


def vendors_with_inline_messages() -> set[str]:
    """Return the vendors whose conversations fill the table of messages."""
    return {vendor for vendor in vendors() if "messages" in mappings_of(vendor).get("conversations", {})}
