"""Finds a vendor's hook and streams by name, through the provider info.

A new vendor is known everywhere as soon as the provider info lists its hook.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from msgspec import UnsetType

from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.get_provider_info import get_provider_info

if TYPE_CHECKING:
    from airflow_provider_convexport.export.dataset.manifest import Manifest
    from airflow_provider_convexport.export.fetch.stream import Stream
    from airflow_provider_convexport.hooks.base import ExportHook


def vendors() -> list[str]:
    """Return the machine names of all vendors, which are their connection types."""
    return sorted(_hook_paths())


def hook_of(vendor: str) -> type[ExportHook]:
    """Return a vendor's hook class.

    :param vendor: The vendor's machine name, which is its connection type: ``"ada"``.
    :raises ConfigurationError: if there is no such vendor; the message lists the existing ones.
    """
    paths = _hook_paths()
    if vendor not in paths:
        raise ConfigurationError(f"vendor={vendor!r} does not exist; use one of {vendors()}.")
    module, _, class_name = paths[vendor].rpartition(".")
    hook: type[ExportHook] = getattr(import_module(module), class_name)
    return hook


def stream_of(vendor: str, name: str) -> Stream:
    """Return a vendor's stream.

    :param vendor: The vendor's machine name.
    :param name: The stream's name: ``"conversations"`` or ``"messages"``.
    :raises ConfigurationError: if there is no such vendor or stream; the message lists the existing ones.
    """
    hook = hook_of(vendor)
    if name not in hook.streams:
        raise ConfigurationError(
            f"stream={name!r} does not exist for {hook.title}; use one of {sorted(hook.streams)}."
        )
    return hook.streams[name]


def other_windows(manifest: Manifest) -> set[str]:
    """Return each other ``window_on`` that an older version of a published partition may have.

    There is none unless the vendor does not say by which time its window selects.
    """
    if isinstance(manifest.window_evidence, UnsetType):
        return set()
    return set(stream_of(manifest.vendor, manifest.stream).time_fields) - {manifest.window_on}


def _hook_paths() -> dict[str, str]:
    entries = get_provider_info()["connection-types"]
    assert isinstance(entries, list)  # noqa: S101 - our own dict, whose values the type checker cannot know
    return {entry["connection-type"]: entry["hook-class-name"] for entry in entries}
