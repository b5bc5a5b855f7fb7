"""Reads the options that several commands share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.hooks.by_connection import hook_at

if TYPE_CHECKING:
    from collections.abc import Sequence


def scope_of(pairs: Sequence[str] | None, *, conn_id: str | None) -> dict[str, str] | None:
    """Return the shop or bot: the one that is named, else the connection's; ``None`` for any.

    :param pairs: What ``--scope`` was given, each as ``NAME=VALUE``.
    :param conn_id: What ``--conn-id`` was given.
    :raises ConfigurationError: if a pair has no ``=``, or as for `hook_at`.
    """
    if not pairs:
        return hook_at(conn_id).scope() if conn_id else None
    return pairs_of(pairs, option="--scope", example="bot_name=support")


def pairs_of(pairs: Sequence[str] | None, *, option: str, example: str) -> dict[str, str]:
    """Return names with their values.

    :param pairs: What the option was given, each as ``NAME=VALUE``.
    :param option: The option, for the message.
    :param example: A right pair, for the message.
    :raises ConfigurationError: if a pair has no ``=``.
    """
    found = {}
    for pair in pairs or ():
        name, separator, value = pair.partition("=")
        if not separator:
            raise ConfigurationError(f"{option} {pair} is not NAME=VALUE, such as {example}.")
        found[name] = value
    return found
