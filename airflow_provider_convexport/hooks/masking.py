"""Registers secrets with Airflow, which replaces them in logs, in the form in which they are used."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

from airflow_provider_convexport.compat import mask_secret

if TYPE_CHECKING:
    from airflow_provider_convexport.hooks.settings import Settings


def mask_settings(settings: Settings) -> None:
    """Register the key of a connection and the passwords of its proxies.

    Airflow registers the password as it was entered, which does not match the key if blanks were pasted with
    it; and the extras as a whole.
    """
    mask_secret(settings.key)
    for url in settings.proxies.values():
        mask_password(url)


def mask_password(url: str) -> None:
    """Register the password of a URL, which need not be valid."""
    rest = url.partition("://")[2] or url
    password = rest.rpartition("@")[0].partition(":")[2]
    if password:
        mask_secret(password)
        mask_secret(unquote(password))
